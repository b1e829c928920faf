package main

import (
	"net/url"
	"strconv"

	"github.com/spf13/cobra"
)

func newSendCloudWisdom() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cloudwisdom",
		Short: "Send elements, events and checks as CloudWisdom's (Metricly's, Netuitive's) clients do",
		Example: `  penstock send cloudwisdom elements --api-key K elements.json
  penstock send cloudwisdom check --api-key K heartbeat webserver01 60`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		newSendCloudWisdomBody("elements", "Post a JSON array of elements", ""),
		newSendCloudWisdomBody("events", "Post a JSON array of events", "/events"),
		newSendCloudWisdomBody("collectd", "Post what collectd's write_http sends", "/collectd"),
		newSendCloudWisdomBody("webhook", "Post any text; it becomes an event's message", "/webhook"),
		newSendCloudWisdomCheck())
	return cmd
}

func newSendCloudWisdomBody(name, short, variant string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     name + " [FILE]",
		Short:   short + ", from a file or standard input",
		Example: "  penstock send cloudwisdom " + name + " --api-key K body.json",
		Args:    cobra.MaximumNArgs(1),
	}
	addKeyFlag(cmd, "api-key", "API key, part of the path")
	inject := cmd.Flags().Bool("inject-timestamp", false, "let the server set the samples' time")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
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
		header := map[string]string{"Content-Type": "application/json"}
		options := "SEND_RESPONSE_BODY"
		if *inject {
			options += ",INJECT_TIMESTAMP"
		}
		header["X-Netuitive-Api-Options"] = options
		answer, err := s.send(ctx, request{path: "/ingest" + variant + "/" + pathKey(cmd), header: header, body: body, items: 1})
		if err == nil && !s.dryRun && len(answer) > 0 {
			_, err = s.out.Write(append(answer, '\n'))
		}
		return err
	}
	return cmd
}

// pathKey is the API key as a path has it; an open appliance takes any.
func pathKey(cmd *cobra.Command) string {
	if k := key(cmd, "api-key"); k != "" {
		return url.PathEscape(k)
	}
	return "none"
}

func newSendCloudWisdomCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "check NAME ELEMENT TTL",
		Short:   "Say that a check passed; it holds for TTL seconds",
		Example: "  penstock send cloudwisdom check --api-key K 'heart beat' webserver01 60",
		Args:    cobra.ExactArgs(3),
	}
	addKeyFlag(cmd, "api-key", "API key, part of the path")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if ttl, err := strconv.Atoi(args[2]); err != nil || ttl < 0 {
			return &usageError{errTTL}
		}
		s, err := newSender(cmd, "checks")
		if err != nil {
			return err
		}
		ctx, stop := untilSignal(cmd)
		defer stop()
		path := "/check/" + pathKey(cmd) + "/" + url.PathEscape(args[0]) + "/" + url.PathEscape(args[1]) + "/" + args[2]
		if _, err = s.send(ctx, request{path: path, items: 1}); err == nil {
			s.done()
		}
		return err
	}
	return cmd
}
