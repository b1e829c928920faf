package main

import (
	"bytes"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"
)

func newSendKairosDB() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kairosdb [FILE]",
		Short: "Post data points as JSON, or with --telnet send put lines",
		Example: `  penstock send kairosdb points.json
  echo 'put load_value_test 1349109376000 12.5 host=A' | penstock send kairosdb --telnet 127.0.0.1:4242`,
		Args: cobra.MaximumNArgs(1),
	}
	telnet := cmd.Flags().String("telnet", "", "`HOST:PORT` of the telnet listener: send the input's lines there")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *telnet != "" {
			return sendLines(cmd, args, "tcp", *telnet, "lines")
		}
		body, err := whole(cmd, args)
		if err != nil {
			return err
		}
		s, err := newSender(cmd, "messages")
		if err != nil {
			return err
		}
		ctx, stop := untilSignal(cmd)
		defer stop()
		_, err = s.send(ctx, request{path: "/api/v1/datapoints", header: map[string]string{"Content-Type": "application/json"}, body: body, items: 1})
		if err == nil {
			s.done()
		}
		return err
	}
	return cmd
}

func newSendGraphite() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "graphite [FILE]",
		Short: "Send lines of 'name value timestamp' as Graphite's plaintext, or packed as pickles",
		Example: `  echo "servers.web01.load 1.5 $(date +%s)" | penstock send graphite
  penstock send graphite --udp points.txt
  penstock send graphite --pickle --to 127.0.0.1:2004 points.txt`,
		Args: cobra.MaximumNArgs(1),
	}
	to := cmd.Flags().String("to", "", "`HOST:PORT` of the listener (default 127.0.0.1:2003, with --pickle 127.0.0.1:2004)")
	udp := cmd.Flags().Bool("udp", false, "one datagram for each batch of lines")
	pickle := cmd.Flags().Bool("pickle", false, "pickle protocol 2, as carbon-relay sends")
	cmd.MarkFlagsMutuallyExclusive("udp", "pickle")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		at, network := *to, "tcp"
		if at == "" {
			at = "127.0.0.1:2003"
			if *pickle {
				at = "127.0.0.1:2004"
			}
		}
		if *udp {
			network = "udp"
		}
		if *pickle {
			return sendPickles(cmd, args, at)
		}
		return sendLines(cmd, args, network, at, "lines")
	}
	return cmd
}

// datagramMost is how many bytes of lines go into one datagram: below what an Ethernet takes without fragments.
const datagramMost = 1400

// sendLines writes the input's lines to a listener that never answers. That they were sent is all there is to know.
func sendLines(cmd *cobra.Command, args []string, network, at, unit string) error {
	conn, err := net.DialTimeout(network, at, 5*time.Second)
	if err != nil {
		return fmt.Errorf("cannot reach %s: %w", at, err)
	}
	defer conn.Close()
	sent := 0
	err = inBatches(cmd, args, func(_ int, lines [][]byte) error {
		var packet []byte
		flush := func() error {
			if len(packet) == 0 {
				return nil
			}
			_, err := conn.Write(packet)
			packet = packet[:0]
			return err
		}
		for _, line := range lines {
			if network == "udp" && len(packet)+len(line)+1 > datagramMost {
				if err := flush(); err != nil {
					return err
				}
			}
			packet = append(append(packet, line...), '\n')
		}
		sent += len(lines)
		return flush()
	})
	if err != nil {
		return fmt.Errorf("sending to %s, after %d %s: %w", at, sent, unit, err)
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		// What the server says, if anything, is worth showing; and when it hangs up it has read everything.
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		var said bytes.Buffer
		_, _ = said.ReadFrom(conn)
		fmt.Fprint(cmd.OutOrStdout(), said.String())
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "penstock: sent %d %s to %s\n", sent, unit, at)
	return nil
}
