package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"penstock/appliance/admin"
	"penstock/appliance/kafka/bridge"
)

func newPromoteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "promote TOPIC --to kafka://HOST:PORT[,HOST:PORT…]",
		Short: "Have a Kafka cluster keep a topic",
		Long: `Have a Kafka cluster keep a topic.

The records that are kept here are brought to the cluster's topic of the same name, in batches, while new ones come in. Then they are read
back and compared with the log, one by one. When all are there, the switch: from then on a reply waits for the cluster, and names it
(Penstock-Ack: kafka); while the cluster is away, records wait in the log here. Readers may read on here, or there.

The appliance does the work: to interrupt this command only ends the showing of it. Give the command again to see on.`,
		Example: `  penstock promote clicks --to kafka://broker1:9092,broker2:9092
  penstock promote clicks --to 'kafka://penstock@broker1:9093?tls=on&password-file=/var/lib/penstock/kafka-password'`,
		Args: cobra.ExactArgs(1),
	}
	to := cmd.Flags().String("to", "", "the cluster, as kafka://HOST:PORT")
	if err := cmd.MarkFlagRequired("to"); err != nil {
		panic("BUG: " + err.Error())
	}
	return promotionCommand(cmd, func(ctx context.Context, c *adminClient, topic string, progress io.Writer) error {
		if _, err := bridge.ParseAddress(*to); err != nil {
			return fmt.Errorf("--to: %w", err)
		}
		if err := c.call(ctx, http.MethodPost, promotionPath(topic), admin.Promote{To: *to}, nil); err != nil {
			return c.orUnknown(ctx, err, topic)
		}
		for {
			var st bridge.PromotionStatus
			if err := c.call(ctx, http.MethodGet, promotionPath(topic), nil, &st); err != nil {
				return err
			}
			if st.Stage != bridge.Shipping {
				fmt.Fprintf(progress, "%s: %d records brought to %s and proven; the cluster keeps the topic now\n", topic, st.Proven, *to)
				return nil
			}
			fmt.Fprintf(progress, "%s: %d of %d records brought there, %d proven%s\n", topic, st.Shipped, st.Total, st.Proven, trouble(&st))
			if err := pause(ctx, lookEvery); err != nil {
				return err
			}
		}
	})
}

func newDemoteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demote TOPIC",
		Short: "Keep a topic here again that a Kafka cluster keeps",
		Long: `Keep a topic here again that a Kafka cluster keeps.

From the moment it is given, replies speak of the log here again. What was promised to the cluster is still brought there, and what other
listeners have written to the cluster's topic is fetched into the log here. The cluster's topic stays as it is.`,
		Example: "  penstock demote clicks",
		Args:    cobra.ExactArgs(1),
	}
	return promotionCommand(cmd, func(ctx context.Context, c *adminClient, topic string, progress io.Writer) error {
		err := c.call(ctx, http.MethodDelete, promotionPath(topic), nil, nil)
		if hasStatus(err, http.StatusConflict) {
			fmt.Fprintf(progress, "%s: no cluster keeps it\n", topic)
			return nil
		}
		if err != nil {
			return c.orUnknown(ctx, err, topic)
		}
		for {
			var st bridge.PromotionStatus
			err := c.call(ctx, http.MethodGet, promotionPath(topic), nil, &st)
			if hasStatus(err, http.StatusNotFound) {
				fmt.Fprintf(progress, "%s: kept here alone again\n", topic)
				return nil
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(progress, "%s: on its way back, %d of %d records are in the cluster%s\n", topic, st.Shipped, st.Total, trouble(&st))
			if err := pause(ctx, lookEvery); err != nil {
				return err
			}
		}
	})
}

// promotionCommand gives a command --admin and runs it until it is done or interrupted.
func promotionCommand(cmd *cobra.Command, run func(ctx context.Context, c *adminClient, topic string, progress io.Writer) error) *cobra.Command {
	addAdminFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := newAdminClient(cmd)
		if err != nil {
			return err
		}
		cmd.SilenceUsage = true // the command line was right
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		err = run(ctx, client, args[0], cmd.ErrOrStderr())
		if ctx.Err() != nil {
			return errors.New("interrupted; the appliance goes on with it, and the same command shows how far it is")
		}
		return err
	}
	return cmd
}

// lookEvery is how often progress is shown.
const lookEvery = 500 * time.Millisecond

func promotionPath(topic string) string { return topicPath(topic) + "/promotion" }

func trouble(st *bridge.PromotionStatus) string {
	if st.Error == "" {
		return ""
	}
	return "; held up: " + st.Error
}
