package main

import (
	"bytes"

	"github.com/spf13/cobra"
)

func newSendInterana() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "interana [FILE]",
		Short: "Post lines to add_events: each line is an event",
		Example: `  echo '{"ts":1474921202000,"sk":"a truly awesome message","wow":1}' | penstock send interana --topic cooltopic
  penstock send interana --topic clicks events.ndjson`,
		Args: cobra.MaximumNArgs(1),
	}
	topic := cmd.Flags().String("topic", "", "topic the events go to")
	_ = cmd.MarkFlagRequired("topic") // it fails for unknown flags only
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := newSender(cmd, "events")
		if err != nil {
			return err
		}
		ctx, stop := untilSignal(cmd)
		defer stop()
		err = inBatches(cmd, args, func(_ int, lines [][]byte) error {
			header := map[string]string{"topic": *topic, "Content-Type": "application/text"}
			_, err := s.send(ctx, request{path: "/add_events", header: header, body: bytes.Join(lines, []byte("\n")), items: len(lines)})
			return err
		})
		if err == nil {
			s.done()
		}
		return err
	}
	return cmd
}
