// Command bare is the cheapest HTTP server that fasthttp makes: it reads the body and answers 202 with nothing, whatever was asked. What a
// request costs here is the floor under every HTTP wire of ours.
//
//	bare --addr 127.0.0.1:0 --reuseport 1
//
// It prints one line, "listening on HOST:PORT", and serves until it is interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/reuseport"
)

// bodyMax is far above every body that is measured here.
const bodyMax = 64 << 20

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "listen here; a port of 0 is any free one")
	listeners := flag.Int("reuseport", 1, "`N` listeners on the one port, among which the kernel spreads connections")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr, *listeners); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr string, listeners int) error {
	if listeners < 1 || listeners > 64 {
		return errors.New("--reuseport must be between 1 and 64")
	}
	open, err := listen(addr, listeners)
	if err != nil {
		return err
	}
	server := &fasthttp.Server{Handler: answer, MaxRequestBodySize: bodyMax}
	failed := make(chan error, listeners)
	for _, l := range open {
		go func() { failed <- server.Serve(l) }()
	}
	fmt.Println("listening on", open[0].Addr())
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

func answer(ctx *fasthttp.RequestCtx) { ctx.SetStatusCode(fasthttp.StatusAccepted) }

// listen opens n listeners on one port.
func listen(addr string, n int) ([]net.Listener, error) {
	var open []net.Listener
	for len(open) < n {
		l, err := reuseport.Listen("tcp4", addr)
		if err != nil {
			return nil, err
		}
		open = append(open, l)
		addr = l.Addr().String() // the others join the first one's port
	}
	return open, nil
}
