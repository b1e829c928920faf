package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"penstock/appliance/admin"
)

func newTopicCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "topic",
		Short: "List, create, describe and delete topics",
		Long:  "List, create, describe and delete the topics of a running appliance.\n\nA topic is made by itself when the first record for it arrives; create one to choose its shards or its columns.",
		Example: `  penstock topic list
  penstock topic create clicks --shards 4 --time-column ts --shard-key user
  penstock topic describe clicks --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newTopicListCommand(), newTopicCreateCommand(), newTopicDescribeCommand(), newTopicDeleteCommand())
	return cmd
}

func newTopicListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the topics",
		Example: "  penstock topic list\n  penstock topic list --output json | jq '.topics[].topic'",
		Args:    cobra.NoArgs,
	}
	return topicCommand(cmd, func(ctx context.Context, c *adminClient, _ []string, out output) error {
		var list admin.TopicList
		if err := c.call(ctx, http.MethodGet, "/v1/topics", nil, &list); err != nil {
			return err
		}
		return out.print(list, func(w io.Writer) {
			fmt.Fprintln(w, "TOPIC\tSHARDS\tRECORDS\tBYTES\tTIME COLUMN\tSHARD KEY")
			for _, t := range list.Topics {
				var records, size int64
				for _, s := range t.Shards {
					records += s.Next - s.First
					size += s.Bytes
				}
				fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\n", t.Topic, len(t.Shards), records, size, timeColumn(&t), cmp.Or(t.ShardKey, "-"))
			}
		})
	})
}

func newTopicCreateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Create a topic, or change the columns of one that exists",
		Long: `Create a topic, or change the columns of one that exists.

The columns say which members of the topic's JSON events are the record's time and its key. They hold for records that
arrive from then on. The number of shards of a topic can't change, for its keys would move.`,
		Example: "  penstock topic create clicks\n  penstock topic create clicks --shards 4 --time-column ts --time-format seconds --shard-key user",
		Args:    cobra.ExactArgs(1),
	}
	flags := cmd.Flags()
	flags.Int("shards", 0, "number of shards (default the appliance's --shards)")
	flags.String("time-column", "", "member that holds the event's time (\"\" goes back to the time of arrival)")
	flags.String("time-format", "", "unit of that member: milliseconds, seconds or microseconds (default milliseconds)")
	flags.String("shard-key", "", "member that becomes the record's key (\"\" goes back to no key)")
	given := func(name string) *string {
		if f := cmd.Flag(name); f.Changed {
			text := f.Value.String()
			return &text
		}
		return nil
	}
	return topicCommand(cmd, func(ctx context.Context, c *adminClient, args []string, out output) error {
		ask := admin.CreateTopic{Name: args[0], TimeColumn: given("time-column"), TimeFormat: given("time-format"), ShardKey: given("shard-key")}
		ask.Shards, _ = cmd.Flags().GetInt("shards") // defined above
		var made admin.TopicInfo
		if err := c.call(ctx, http.MethodPost, "/v1/topics", ask, &made); err != nil {
			return err
		}
		return out.print(made, func(w io.Writer) { describeTopic(w, &made) })
	})
}

func newTopicDescribeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "describe NAME",
		Short:   "Show a topic's columns and each shard's offsets",
		Example: "  penstock topic describe clicks\n  penstock topic describe clicks --output json",
		Args:    cobra.ExactArgs(1),
	}
	return topicCommand(cmd, func(ctx context.Context, c *adminClient, args []string, out output) error {
		var t admin.TopicInfo
		if err := c.call(ctx, http.MethodGet, topicPath(args[0]), nil, &t); err != nil {
			return c.orUnknown(ctx, err, args[0])
		}
		return out.print(t, func(w io.Writer) { describeTopic(w, &t) })
	})
}

func newTopicDeleteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete NAME",
		Short:   "Delete a topic and its records",
		Example: "  penstock topic delete clicks\n  penstock topic delete clicks --yes",
		Args:    cobra.ExactArgs(1),
	}
	yes := cmd.Flags().Bool("yes", false, "do not ask")
	return topicCommand(cmd, func(ctx context.Context, c *adminClient, args []string, out output) error {
		name := args[0]
		if !*yes {
			fmt.Fprintf(cmd.ErrOrStderr(), "This deletes the topic %s and all its records. Type its name to go on: ", name)
			answer, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n') // what was typed before the end is the answer
			if strings.TrimSpace(answer) != name {
				return fmt.Errorf("nothing was deleted: type the topic's name when asked, or use --yes")
			}
		}
		if err := c.call(ctx, http.MethodDelete, topicPath(name), nil, nil); err != nil {
			return c.orUnknown(ctx, err, name)
		}
		return out.print(map[string]string{"deleted": name}, func(w io.Writer) { fmt.Fprintf(w, "deleted %s\n", name) })
	})
}

// topicCommand gives a command --admin and --output, and runs it.
func topicCommand(cmd *cobra.Command, run func(context.Context, *adminClient, []string, output) error) *cobra.Command {
	addAdminFlag(cmd)
	format := cmd.Flags().String("output", "table", "table or json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *format != "table" && *format != "json" {
			return fmt.Errorf("--output is table or json, not %q", *format)
		}
		client, err := newAdminClient(cmd)
		if err != nil {
			return err
		}
		cmd.SilenceUsage = true // the command line was right
		return run(cmd.Context(), client, args, output{cmd.OutOrStdout(), *format == "json"})
	}
	return cmd
}

// output prints a result for people or for programs.
type output struct {
	w    io.Writer
	json bool
}

func (o output) print(v any, table func(io.Writer)) error {
	if o.json {
		encoder := json.NewEncoder(o.w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(v)
	}
	w := tabwriter.NewWriter(o.w, 0, 0, 2, ' ', 0)
	table(w)
	return w.Flush()
}

func timeColumn(t *admin.TopicInfo) string {
	if t.TimeColumn == "" {
		return "-"
	}
	return t.TimeColumn + " " + t.TimeFormat
}

func describeTopic(w io.Writer, t *admin.TopicInfo) {
	fmt.Fprintf(w, "topic\t%s\ntime column\t%s\nshard key\t%s\n\n", t.Topic, timeColumn(t), cmp.Or(t.ShardKey, "-"))
	fmt.Fprintln(w, "SHARD\tFIRST\tNEXT\tWRITTEN\tSYNCED\tBYTES\tSEGMENTS")
	for _, s := range t.Shards {
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%d\t%d\n", s.Shard, s.First, s.Next, s.Written, s.Synced, s.Bytes, s.Segments)
	}
}

// orUnknown turns "no such topic" into an error that names the topics there are, the likeliest first.
func (c *adminClient) orUnknown(ctx context.Context, err error, name string) error {
	if !hasStatus(err, http.StatusNotFound) {
		return err
	}
	var list admin.TopicList
	if c.call(ctx, http.MethodGet, "/v1/topics", nil, &list) != nil || len(list.Topics) == 0 {
		return fmt.Errorf("%w: no topic has been made yet", err)
	}
	names := make([]string, len(list.Topics))
	for i, t := range list.Topics {
		names[i] = t.Topic
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(distance(name, a), distance(name, b)) })
	const most = 10
	if len(names) > most {
		return fmt.Errorf("%w: the likeliest of %d are %s", err, len(names), strings.Join(names[:most], ", "))
	}
	return fmt.Errorf("%w: there are %s", err, strings.Join(names, ", "))
}

// distance is how many letters must be put in, taken out or changed to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
