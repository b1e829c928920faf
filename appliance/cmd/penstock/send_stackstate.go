package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newSendStackState() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stackstate",
		Short: "Send metrics and events as StackState's CLI does, or a whole intake message",
		Example: `  penstock send stackstate metric test.metric 10
  penstock send stackstate metric test.metric -b 100-250 -p 4h --linear
  penstock send stackstate event deploy --title 'v2 is out' --tag env:prod`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().String("api-key", "", "API key (environment "+keyEnv+", which keeps it out of the list of processes)")
	cmd.AddCommand(newSendStackStateMetric(), newSendStackStateEvent(), newSendStackStateIntake())
	return cmd
}

// intake is the receiver's message, as far as we send it.
type intake struct {
	CollectionTimestamp int64            `json:"collection_timestamp"`
	InternalHostname    string           `json:"internalHostname"`
	Events              map[string][]any `json:"events"`
	Metrics             []any            `json:"metrics"`
	ServiceChecks       []any            `json:"service_checks"`
	Topologies          []any            `json:"topologies"`
}

func newIntake(host string) intake {
	return intake{time.Now().Unix(), host, map[string][]any{}, []any{}, []any{}, []any{}}
}

func (s *sender) intake(ctx context.Context, cmd *cobra.Command, body []byte, items int) error {
	r := request{path: "/stsAgent/intake", header: map[string]string{"Content-Type": "application/json"}, body: body, items: items}
	if k := key(cmd, "api-key"); k != "" {
		r.path += "?api_key=" + url.QueryEscape(k)
	}
	_, err := s.send(ctx, r)
	return err
}

func addHostFlag(cmd *cobra.Command) *string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return cmd.Flags().String("host", host, "host the data is from")
}

func newSendStackStateMetric() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "metric NAME [VALUE]",
		Short: "Send one value, values made up within a band over a period, or a CSV of 'timestamp,value'",
		Example: `  penstock send stackstate metric test.metric 10 --tag env:prod
  penstock send stackstate metric test.metric -b 100-250 -p 1w --baseline
  penstock send stackstate metric test.metric --csv < values.csv`,
		Args: cobra.RangeArgs(1, 2),
	}
	host := addHostFlag(cmd)
	tags := cmd.Flags().StringArray("tag", nil, "a tag, as key:value; may be given again")
	kind := cmd.Flags().String("type", "gauge", "gauge, count, rate, counter or raw")
	band := cmd.Flags().StringP("bandwidth", "b", "", "make values within `LOW-HIGH`")
	period := cmd.Flags().StringP("period", "p", "1h", "how far back made values begin, as 4w2d6h30m15s")
	baseline := cmd.Flags().Bool("baseline", false, "make a daily curve, lower at weekends")
	linear := cmd.Flags().Bool("linear", false, "make a line from the band's low to its high")
	csv := cmd.Flags().Bool("csv", false, "read lines of timestamp,value from standard input")
	cmd.MarkFlagsMutuallyExclusive("baseline", "linear", "csv")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		points := func(each func(at int64, value json.Number) error) error {
			switch {
			case *csv:
				return csvPoints(cmd, each)
			case *band != "":
				return madePoints(*band, *period, *baseline, *linear, each)
			case len(args) == 2:
				value, err := number(args[1])
				if err != nil {
					return &usageError{err}
				}
				return each(time.Now().Unix(), value)
			}
			return &usageError{fmt.Errorf("give a VALUE, a band (-b) or --csv")}
		}
		s, err := newSender(cmd, "points")
		if err != nil {
			return err
		}
		ctx, stop := untilSignal(cmd)
		defer stop()
		message := newIntake(*host)
		flush := func() error {
			body, err := json.Marshal(message)
			if err == nil && len(message.Metrics) > 0 {
				err = s.intake(ctx, cmd, body, len(message.Metrics))
			}
			message.Metrics = message.Metrics[:0]
			return err
		}
		about := map[string]any{"hostname": *host, "type": *kind}
		if len(*tags) > 0 {
			about["tags"] = *tags
		}
		err = points(func(at int64, value json.Number) error {
			message.Metrics = append(message.Metrics, []any{args[0], at, value, about})
			if len(message.Metrics) == batchLines {
				return flush()
			}
			return nil
		})
		if err == nil {
			err = flush()
		}
		if err == nil {
			s.done()
		}
		return err
	}
	return cmd
}

// number is a number as JSON has it, with every digit.
func number(text string) (json.Number, error) {
	var n json.Number
	if err := json.Unmarshal([]byte(text), &n); err != nil {
		return "", fmt.Errorf("%q is no number", text)
	}
	return n, nil
}

func csvPoints(cmd *cobra.Command, each func(at int64, value json.Number) error) error {
	return inBatches(cmd, nil, func(first int, lines [][]byte) error {
		for i, line := range lines {
			at, text, ok := strings.Cut(string(line), ",")
			seconds, err := strconv.ParseInt(strings.TrimSpace(at), 10, 64)
			value, err2 := number(strings.TrimSpace(text))
			if !ok || err != nil || err2 != nil {
				return fmt.Errorf("line %d is not timestamp,value", first+i)
			}
			if err := each(seconds, value); err != nil {
				return err
			}
		}
		return nil
	})
}

// madeMost is the most values that are made up; a longer period has them further apart.
const madeMost = 10_000

func madePoints(band, period string, baseline, linear bool, each func(at int64, value json.Number) error) error {
	low, high, err := parseBand(band)
	if err != nil {
		return &usageError{err}
	}
	length, err := parsePeriod(period)
	if err != nil {
		return &usageError{err}
	}
	step := max(60, (length+madeMost-1)/madeMost)
	now := time.Now().Unix()
	for at := now - length; at <= now; at += step {
		part := rand.Float64()
		switch {
		case linear && length > 0:
			part = float64(at-(now-length)) / float64(length)
		case baseline:
			t := time.Unix(at, 0).UTC()
			day := float64(t.Hour()*3600+t.Minute()*60+t.Second()) / 86400
			part = (1 - math.Cos(2*math.Pi*day)) / 2
			if d := t.Weekday(); d == time.Saturday || d == time.Sunday {
				part /= 4
			}
		}
		value := json.Number(strconv.FormatFloat(low+(high-low)*part, 'f', 3, 64))
		if err := each(at, value); err != nil {
			return err
		}
	}
	return nil
}

var bandForm = regexp.MustCompile(`^(-?[0-9.]+)(?:-(-?[0-9.]+))?$`)

func parseBand(text string) (low, high float64, err error) {
	parts := bandForm.FindStringSubmatch(text)
	if parts == nil {
		return 0, 0, fmt.Errorf("%q is no band: write LOW-HIGH, as 100-250", text)
	}
	if low, err = strconv.ParseFloat(parts[1], 64); err != nil {
		return 0, 0, fmt.Errorf("%q is no number", parts[1])
	}
	high = low
	if parts[2] != "" {
		if high, err = strconv.ParseFloat(parts[2], 64); err != nil {
			return 0, 0, fmt.Errorf("%q is no number", parts[2])
		}
	}
	return low, high, nil
}

var periodForm = regexp.MustCompile(`^(?:(\d{1,4})w)?(?:(\d{1,5})d)?(?:(\d{1,6})h)?(?:(\d{1,7})m)?(?:(\d{1,9})s)?$`)

// parsePeriod reads weeks, days, hours, minutes and seconds, as 4w2d6h30m15s, in seconds.
func parsePeriod(text string) (seconds int64, err error) {
	parts := periodForm.FindStringSubmatch(text)
	if parts == nil || text == "" {
		return 0, fmt.Errorf("%q is no period: write it as 4w2d6h30m15s", text)
	}
	for i, unit := range []int64{7 * 86400, 86400, 3600, 60, 1} {
		if parts[i+1] != "" {
			n, err := strconv.ParseInt(parts[i+1], 10, 64)
			if err != nil {
				return 0, err
			}
			seconds += n * unit
		}
	}
	return seconds, nil
}

func newSendStackStateEvent() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "event NAME",
		Short:   "Send one event",
		Example: "  penstock send stackstate event deploy --title 'v2 is out' --text 'by hand' --tag env:prod",
		Args:    cobra.ExactArgs(1),
	}
	host := addHostFlag(cmd)
	title := cmd.Flags().String("title", "", "title (default: the name)")
	text := cmd.Flags().String("text", "", "text")
	source := cmd.Flags().String("source-type-name", "", "where it comes from (default: the name)")
	tags := cmd.Flags().StringArray("tag", nil, "a tag, as key:value; may be given again")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := newSender(cmd, "events")
		if err != nil {
			return err
		}
		ctx, stop := untilSignal(cmd)
		defer stop()
		event := map[string]any{"msg_title": args[0], "msg_text": *text, "timestamp": time.Now().Unix(), "source_type_name": args[0]}
		if *title != "" {
			event["msg_title"] = *title
		}
		if *source != "" {
			event["source_type_name"] = *source
		}
		if len(*tags) > 0 {
			event["tags"] = *tags
		}
		message := newIntake(*host)
		message.Events[args[0]] = []any{event}
		body, err := json.Marshal(message)
		if err != nil {
			return err
		}
		if err = s.intake(ctx, cmd, body, 1); err == nil {
			s.done()
		}
		return err
	}
	return cmd
}

func newSendStackStateIntake() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "intake [FILE]",
		Short:   "Post a whole message to the receiver's intake",
		Example: "  penstock send stackstate intake message.json",
		Args:    cobra.MaximumNArgs(1),
	}
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
		if err = s.intake(ctx, cmd, body, 1); err == nil {
			s.done()
		}
		return err
	}
	return cmd
}
