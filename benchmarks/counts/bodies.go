package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"penstock/benchmarks/splitmix"
)

// now is the time of arrival of everything, ms since 1970.
const now = 1_790_000_000_000

// events makes n events of 200 bytes, as a service's log has them.
func events(random *splitmix.Source, n int) []string {
	all := make([]string, n)
	for i := range all {
		text := fmt.Sprintf(`{"ts":%d,"key":"web-%04d.api","level":"info","status":%d,"value":%d.%03d,"ok":true,"msg":"GET /path/%d `,
			now+int64(i), random.Below(1000), 200+100*random.Below(4), random.Below(1000), random.Below(1000), random.Below(100_000))
		for len(text) < 198 {
			text += string(rune('a' + random.Below(26)))
		}
		all[i] = text + `"}`
	}
	return all
}

// sample is a value of one of a hundred series.
type sample struct {
	metric, host int
	secs         int64
	value        float64
}

func samples(random *splitmix.Source, n int) []sample {
	all := make([]sample, n)
	for i := range all {
		all[i] = sample{i % 10, i / 10 % 10, now/1000 + int64(i/100)*10, float64(random.Below(1_000_000)) / 100}
	}
	return all
}

// each joins what one makes of every element.
func each[T any](all []T, between string, one func(i int, of T) string) string {
	var b strings.Builder
	for i, of := range all {
		if i > 0 {
			b.WriteString(between)
		}
		b.WriteString(one(i, of))
	}
	return b.String()
}

func array[T any](all []T, one func(i int, of T) string) string {
	return "[" + each(all, ",", one) + "]"
}

func itself(_ int, text string) string { return text }

func putLine(_ int, s sample) string {
	return fmt.Sprintf("put node.cpu.mode%d %d %.2f host=host-%d cpu=1 dc=eu1\n", s.metric, s.secs, s.value, s.host)
}

func graphiteLine(_ int, s sample) string {
	return fmt.Sprintf("servers.host-%d.cpu.mode%d %.2f %d\n", s.host, s.metric, s.value, s.secs)
}

func dataPoint(_ int, s sample) string {
	return fmt.Sprintf(`{"name":"node.cpu.mode%d","timestamp":%d,"value":%.2f,"tags":{"host":"host-%d","cpu":"1","dc":"eu1"}}`, s.metric, s.secs*1000, s.value, s.host)
}

// pickleFrame is what CPython's pickle makes of [(name, (time, value)), …] in protocol 2, behind its length.
func pickleFrame(all []sample) []byte {
	memo := 0
	remember := func(b []byte) []byte {
		memo++
		if memo-1 < 256 {
			return append(b, 'q', byte(memo-1))
		}
		return binary.LittleEndian.AppendUint32(append(b, 'r'), uint32(memo-1))
	}
	b := append(remember([]byte("\x80\x02]")), '(')
	for _, s := range all {
		name := fmt.Sprintf("servers.host-%d.cpu.mode%d", s.host, s.metric)
		b = binary.LittleEndian.AppendUint32(append(b, 'X'), uint32(len(name)))
		b = remember(append(b, name...))
		b = binary.LittleEndian.AppendUint32(append(b, 'J'), uint32(s.secs))
		b = binary.BigEndian.AppendUint64(append(b, 'G'), math.Float64bits(s.value))
		b = remember(append(remember(append(b, 0x86)), 0x86))
	}
	b = append(b, "e."...)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// element is a host of CloudWisdom with one sample of each of so many metrics.
func element(number, metrics int) string {
	declared, values := make([]string, metrics), make([]string, metrics)
	for i := range metrics {
		declared[i] = fmt.Sprintf(`{"id":"cpu.cpu%d.guest_nice","unit":"percent","type":"GAUGE","sparseDataStrategy":"None"}`, i)
		values[i] = fmt.Sprintf(`{"metricId":"cpu.cpu%d.guest_nice","timestamp":%d,"val":%d.5}`, i, now, i)
	}
	return fmt.Sprintf(`{"id":"webhost%02d","name":"Web Host","type":"server","tags":[{"name":"env","value":"prod"}],"metrics":%s,"samples":%s}`,
		number, array(declared, itself), array(values, itself))
}

// agentMetric is StackState's; the device, which the value is taken for, makes its series another in each request.
func agentMetric(i int, s sample) string {
	return fmt.Sprintf(`["system.disk.%d",%d,%.2f,{"hostname":"web%02d","type":"gauge","tags":["env:prod","role:web"],"device_name":"sd%d"}]`, i, s.secs, s.value, s.host, int(s.value))
}

func splunkEvent(i int, s sample) string {
	return fmt.Sprintf(`{"body":"127.0.0.1 - - \"GET /catalog/item/%d HTTP/1.1\" 200 4200","host":"web-%02d.example.com","source":"access.log","sourcetype":"access","timestamp":%d}`,
		i, s.host, s.secs*1000)
}

func segmentCall(i int, s sample) string {
	return fmt.Sprintf(`{"type":"track","messageId":"3f0c1f5e-6c1e-4f0f-9a52-%012d","userId":"u-%d","event":"Order Shipped","timestamp":"2026-11-22T10:00:00.123Z",`+
		`"properties":{"price":%.2f},"context":{"library":{"name":"analytics-go"}}}`, i, s.host, s.value)
}
