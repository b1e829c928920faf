package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
)

func newSendSegment() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "segment [FILE]",
		Short: "Send each line, a JSON object, as an event of Segment's tracking API",
		Example: `  echo '{"type":"track","userId":"u42","event":"Signed Up"}' | penstock send segment
  penstock send segment --write-key K --topic clicks events.ndjson`,
		Args: cobra.MaximumNArgs(1),
	}
	addKeyFlag(cmd, "write-key", "write key")
	topic := cmd.Flags().String("topic", "", "topic instead of the usual one")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := newSender(cmd, "events")
		if err != nil {
			return err
		}
		ctx, stop := untilSignal(cmd)
		defer stop()
		header := map[string]string{"Content-Type": "application/json"}
		if *topic != "" {
			header["topic"] = *topic
		}
		if k := key(cmd, "write-key"); k != "" {
			header["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte(k+":"))
		}
		err = inBatches(cmd, args, func(first int, lines [][]byte) error {
			for i, line := range lines {
				if !json.Valid(line) || bytes.TrimSpace(line)[0] != '{' {
					return fmt.Errorf("line %d is no JSON object", first+i)
				}
			}
			body := append([]byte(`{"batch":[`), bytes.Join(lines, []byte(","))...)
			_, err := s.send(ctx, request{path: "/v1/batch", header: header, body: append(body, "]}"...), items: len(lines)})
			return err
		})
		if err == nil {
			s.done()
		}
		return err
	}
	return cmd
}
