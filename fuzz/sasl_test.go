package fuzz

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/appliance/kafka"
	"penstock/appliance/kafka/scram"
	"penstock/appliance/shard"
)

// FuzzSASL sends bytes to a Kafka listener that wants a login. Whatever they are, nobody logs in without the password, and it meets no bug.
func FuzzSASL(f *testing.F) {
	server := openWithUsers(f)
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI"} {
		for v := int16(0); v <= 1; v++ {
			chosen := kmsg.NewPtrSASLHandshakeRequest()
			chosen.Version, chosen.Mechanism = v, mechanism
			for _, token := range []string{"", "\x00ada\x00password", "n,,n=ada,r=nonce", "y,a=ada,n=ada,r=nonce,x=y", "p=tls-unique,,n=ada,r=nonce"} {
				said := kmsg.NewPtrSASLAuthenticateRequest()
				said.Version, said.SASLAuthBytes = v, []byte(token)
				next := kmsg.NewPtrSASLAuthenticateRequest()
				next.Version, next.SASLAuthBytes = 2, []byte("c=biws,r=nonce,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
				f.Add(append(append(kafkaFrame(chosen), kafkaFrame(said)...), kafkaFrame(next)...))
				f.Add(append(append(kafkaFrame(chosen), 0, 0, 0, byte(len(token))), token...)) // bare
			}
		}
	}
	f.Add(append(kafkaFrame(kmsg.NewPtrApiVersionsRequest()), kafkaFrame(kmsg.NewPtrMetadataRequest())...))
	f.Fuzz(func(t *testing.T, sent []byte) {
		nc, err := net.Dial("tcp", server.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		if err := nc.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _ = nc.Write(sent) // it may be closed before it has read all
			_ = nc.(*net.TCPConn).CloseWrite()
		}()
		if _, err := io.Copy(io.Discard, nc); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("neither an answer nor an end")
		}
		if stats := server.Stats(); stats.Bugs > 0 || stats.Logins > 0 {
			t.Fatalf("%d bugs, %d logins", stats.Bugs, stats.Logins)
		}
	})
}

func openWithUsers(f *testing.F) *kafka.Server {
	set, err := shard.Open(shard.Options{Dir: f.TempDir(), Shards: 1, SegmentBytes: 64 << 10})
	if err != nil {
		f.Fatal(err)
	}
	v, err := scram.New(scram.SHA256, []byte("not to be guessed: 8d1f0c"), []byte("some salt"), scram.RoundsMin)
	if err != nil {
		f.Fatal(err)
	}
	server, err := kafka.New(kafka.Options{Addr: "127.0.0.1:0", Set: set, MaxConnections: 1000, ReadTimeout: time.Second, WriteTimeout: time.Second, FailDelay: time.Nanosecond,
		Users: map[string]kafka.User{"ada": {Verifiers: []scram.Verifier{v}, May: kafka.Read}}, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		f.Fatal(err)
	}
	go func() { _ = server.Serve() }() // nil, when it is closed
	f.Cleanup(func() {
		if err := errors.Join(server.Close(context.Background()), set.Close(context.Background())); err != nil {
			f.Error(err)
		}
	})
	return server
}

// FuzzVerifier reads text as a verifier: what is taken is written back the same, and text that is none is nowhere in the error.
func FuzzVerifier(f *testing.F) {
	v, err := scram.New(scram.SHA512, []byte("p"), []byte("some salt"), scram.RoundsMin)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(v.String())
	f.Add("SCRAM-SHA-256$4096$AAAA$AAAA$AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := scram.Parse(text); err == nil && v.String() != text {
			t.Fatalf("%q is taken as %s", text, &v)
		}
	})
}
