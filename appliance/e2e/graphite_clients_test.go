package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// hostSeries is the series that a Graphite name is: of a.HOST.b.c the metric is a.b.c and the tag host=HOST.
func hostSeries(t testing.TB, name string) string {
	t.Helper()
	parts := strings.SplitN(name, ".", 3)
	return series(t, "graphite", parts[0]+"."+parts[2], object{"host": parts[1]})
}

// carbon-c-relay forwards lines as it cleans them: real names, the numbers that senders print, and between them what is no line.
func TestClientCarbonCRelay(t *testing.T) {
	relay := installed(t, "carbon-c-relay", "carbon-c-relay")
	s := start(t, t.TempDir(), "--graphite", "127.0.0.1:0")
	listen := freePort(t)
	config := writeFile(t, "relay.conf", fmt.Sprintf(
		"cluster out forward %s ;\nmatch * send to out ;\nlisten type linemode 127.0.0.1:%s proto tcp ;\n", s.door("graphite"), listen))
	c := startClient(t, "", relay, "-s", "-f", config)
	c.ready(func() bool { return strings.Contains(c.out.String(), "startup sequence complete") })

	lines := []string{
		"test.host-1.cpu.load 1.5 1795324341\n",
		"test..host-1.dots 2 1795324341\r\n", // the relay takes one of two dots away
		".lead.host-1.dot -3 1795324342\n",
		"with.host_ü.bytes 4 1795324342\n", // and makes a _ of a byte
		"exponent.host-1.x 1e+06 1795324343\n",
		"not.host-1.number nan 1795324343\n",
		"fraction.host-1.time 7 1795324343.5\n",
		"  space.host-1.x   8\t1795324344  \n", // it forwards one space at the end
		"time.host-1.missing 9\n",
		"large.host-1.x 9223372036854775807 1795324344\n",
	}
	at := func(name string, seconds int64, value string) point {
		return point{hostSeries(t, name), seconds * 1000, number(value)}
	}
	want := []point{
		at("test.host-1.cpu.load", 1795324341, "1.5"),
		at("test.host-1.dots", 1795324341, "2"),
		at("lead.host-1.dot", 1795324342, "-3"),
		at("with.host___.bytes", 1795324342, "4"),
		at("exponent.host-1.x", 1795324343, "1e+06"),
		at("fraction.host-1.time", 1795324343, "7"),
		at("space.host-1.x", 1795324344, "8"),
		at("large.host-1.x", 1795324344, "9223372036854775807"),
	}
	for i := range int64(5000) {
		name, seconds, value := fmt.Sprintf("many.host-%d.cpu-%d.idle", i%7, i%3), 1795330000+i, fmt.Sprintf("%d.25", i)
		lines = append(lines, fmt.Sprintf("%s %s %d\n", name, value, seconds))
		want = append(want, at(name, seconds, value))
	}
	send(t, "tcp", listen, strings.Join(lines, ""))
	s.wantPoints(want)
	c.stop()
	s.wantPoints(want) // its end sent nothing more
	s.wantRejected("not.host-1.number nan 1795324343", "time.host-1.missing 9")
}

// What people type: the line of Graphite's own documentation, by nc and by the shell, over TCP and UDP.
func TestClientGraphiteFromTheShell(t *testing.T) {
	installed(t, "nc", "netcat-openbsd")
	bash := installed(t, "bash", "bash")
	s := start(t, t.TempDir(), "--graphite", "127.0.0.1:0")
	runClient(t, bash, "-ec", `
		echo "local.random.diceroll.nc 4 1795324341" | nc -q0 127.0.0.1 $0
		echo "local.random.diceroll.nc.udp 5 1795324342" | nc -u -w1 127.0.0.1 $0
		echo "local.random.diceroll.shell 6 1795324343" >/dev/tcp/127.0.0.1/$0
		printf 'local.random.diceroll.one 7 1795324344\nlocal.random.diceroll.two 8.5 1795324344' >/dev/udp/127.0.0.1/$0
	`, port(t, s.door("graphite")))
	s.wantPoints([]point{
		{hostSeries(t, "local.random.diceroll.nc"), 1795324341000, "4"},
		{hostSeries(t, "local.random.diceroll.nc.udp"), 1795324342000, "5"},
		{hostSeries(t, "local.random.diceroll.shell"), 1795324343000, "6"},
		{hostSeries(t, "local.random.diceroll.one"), 1795324344000, "7"},
		{hostSeries(t, "local.random.diceroll.two"), 1795324344000, "8.5"},
	})
	s.wantRejected()
}

// Python's own pickles, by both of its picklers, in all protocols: over TCP, and as datagrams.
func TestClientPythonPickles(t *testing.T) {
	python := installed(t, "python3", "python3")
	script, err := filepath.Abs("clients/pickles.py")
	if err != nil {
		t.Fatal(err)
	}
	for _, transport := range []string{"tcp", "udp"} {
		t.Run(transport, func(t *testing.T) {
			s := start(t, t.TempDir(), "--pickle", "127.0.0.1:0")
			sent := runClient(t, python, script, "127.0.0.1", port(t, s.door("pickle")), transport)
			var want []point
			for lines := bufio.NewScanner(strings.NewReader(sent)); lines.Scan(); {
				var name string
				var seconds float64
				var value json.Number
				if err := json.Unmarshal(lines.Bytes(), &[]any{&name, &seconds, &value}); err != nil {
					t.Fatalf("%v: %s", err, lines.Bytes())
				}
				want = append(want, point{hostSeries(t, name), int64(seconds) * 1000, number(value.String())})
			}
			if len(want) < 500 {
				t.Fatalf("the client sent %d points", len(want))
			}
			s.wantPoints(want)
			s.wantRejected()
		})
	}
}

// collectd sends the values that its socket is given: by write_graphite as lines, and by write_http as JSON in CloudWisdom's way.
func TestClientCollectd(t *testing.T) {
	collectd := installed(t, "collectd", "collectd-core libyajl2")
	nc := installed(t, "nc", "netcat-openbsd")
	s := start(t, t.TempDir(), "--graphite", "127.0.0.1:0")
	dir := t.TempDir()
	socket := filepath.Join(dir, "sock")
	config := writeFile(t, "collectd.conf", fmt.Sprintf(`
		Hostname "web-1.example"
		FQDNLookup false
		BaseDir %q
		PIDFile %q
		TypesDB "/usr/share/collectd/types.db"
		Interval 3600
		LoadPlugin logfile
		<Plugin logfile>
			LogLevel info
			File STDERR
		</Plugin>
		LoadPlugin unixsock
		<Plugin unixsock>
			SocketFile %q
		</Plugin>
		LoadPlugin write_http
		<Plugin write_http>
			<Node "cloudwisdom">
				URL "http://%s/ingest/collectd/KEY"
				Format "JSON"
			</Node>
		</Plugin>
		LoadPlugin write_graphite
		<Plugin write_graphite>
			<Node "graphite">
				Host "127.0.0.1"
				Port %q
				Protocol "udp"
				Prefix "collectd."
				StoreRates false
			</Node>
		</Plugin>
		`, dir, filepath.Join(dir, "pid"), socket, s.HTTP, port(t, s.door("graphite"))))
	c := startClient(t, "", collectd, "-f", "-C", config)
	c.ready(func() bool { return exec.Command(nc, "-z", "-U", socket).Run() == nil })

	answers := startClient(t, `PUTVAL "web-1.example/cpu-0/cpu-idle" interval=10 1795324341:42
PUTVAL "web-1.example/load/load" interval=10 1795324341.500:0.25:0.5:U
PUTVAL "web-1.example/interface-eth0/if_octets" interval=10 1795324342:9007199254740993:12
PUTVAL "web-1.example/df-root/df_complex-free" interval=10 1795324343:1.5e+300
FLUSH
`, nc, "-N", "-U", socket).wait()
	if !strings.HasSuffix(answers, "0 Done: 1 successful, 0 errors\n") {
		t.Fatalf("collectd answered %s", answers)
	}
	c.stop()

	values := func(metric, kind string) string {
		return series(t, "cloudwisdom", metric, nil, object{"element": "web-1.example", "type": kind})
	}
	s.wantPoints([]point{
		{values("cpu-0.cpu-idle", "derive"), 1795324341000, "42"},
		{values("load.load.shortterm", "gauge"), 1795324341500, "0.25"},
		{values("load.load.midterm", "gauge"), 1795324341500, "0.5"},
		{values("interface-eth0.if_octets.rx", "derive"), 1795324342000, "9007199254740993"},
		{values("interface-eth0.if_octets.tx", "derive"), 1795324342000, "12"},
		{values("df-root.df_complex-free", "gauge"), 1795324343000, "1.5e+300"},

		// the whole second nearest to its time, and no line for what is no number
		{hostSeries(t, "collectd.web-1_example.cpu-0.cpu-idle"), 1795324341000, "42"},
		{hostSeries(t, "collectd.web-1_example.load.load.shortterm"), 1795324342000, "0.25"},
		{hostSeries(t, "collectd.web-1_example.load.load.midterm"), 1795324342000, "0.5"},
		{hostSeries(t, "collectd.web-1_example.interface-eth0.if_octets.rx"), 1795324342000, "9007199254740993"},
		{hostSeries(t, "collectd.web-1_example.interface-eth0.if_octets.tx"), 1795324342000, "12"},
		{hostSeries(t, "collectd.web-1_example.df-root.df_complex-free"), 1795324343000, "1.5e+300"},
	})
	s.wantRejected("collectd.web-1_example.load.load.longterm nan 1795324342")
}
