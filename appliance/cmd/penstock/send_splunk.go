package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/url"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

var errTTL = errors.New("TTL is a number of seconds")

func newSendSplunk() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "splunk",
		Short: "Send events, metrics and files as scloud's ingest commands do",
		Example: `  printf 'hello\nworld\n' | penstock send splunk post-events --tenant acme --host h --source s --format raw
  echo '[{"name":"cpu.util","value":45.0}]' | penstock send splunk post-metrics --tenant acme --default-type g`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f := cmd.PersistentFlags()
	f.String("tenant", "system", "tenant, part of the path")
	f.String("token", "", "bearer token (environment "+keyEnv+", which keeps it out of the list of processes)")
	cmd.AddCommand(newSendSplunkEvents(), newSendSplunkMetrics(), newSendSplunkFile())
	return cmd
}

// splunkFields are the flags that name an event's own fields, as scloud has them.
type splunkFields struct {
	host, source, sourcetype, id string
	timestamp                    int64
	nanos                        int32
}

func (f *splunkFields) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.host, "host", "", "host value of the event data")
	flags.StringVar(&f.source, "source", "", "source value of the event data")
	flags.StringVar(&f.sourcetype, "sourcetype", "", "sourcetype value of the event data")
	flags.StringVar(&f.id, "id", "", "ID that identifies the event data")
	flags.Int64Var(&f.timestamp, "timestamp", 0, "epoch time in milliseconds (default: the time of arrival)")
	flags.Int32Var(&f.nanos, "nanos", 0, "nanoseconds part of the timestamp")
}

// event is one event as the service takes it.
type splunkEvent struct {
	Body       json.RawMessage `json:"body"`
	Attributes json.RawMessage `json:"attributes,omitempty"`
	Host       string          `json:"host,omitempty"`
	Source     string          `json:"source,omitempty"`
	Sourcetype string          `json:"sourcetype,omitempty"`
	Timestamp  int64           `json:"timestamp,omitempty"`
	Nanos      int32           `json:"nanos,omitempty"`
	ID         string          `json:"id,omitempty"`
}

func (f *splunkFields) event(body, attributes json.RawMessage) splunkEvent {
	return splunkEvent{body, attributes, f.host, f.source, f.sourcetype, f.timestamp, f.nanos, f.id}
}

func newSendSplunkEvents() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "post-events [FILE]",
		Short:   "Send each line as an event",
		Example: `  printf 'hello\nworld\n' | penstock send splunk post-events --host h --source s --format raw`,
		Args:    cobra.MaximumNArgs(1),
	}
	var fields splunkFields
	fields.add(cmd)
	attributes := cmd.Flags().String("attributes", "", "JSON object of custom fields")
	format := cmd.Flags().String("format", "raw", "what a line is: raw (text), json (an event's body), event (a whole event)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *attributes != "" && !json.Valid([]byte(*attributes)) {
			return &usageError{errors.New("--attributes is no JSON")}
		}
		eventOf, ok := map[string]func(line []byte) (json.RawMessage, error){
			"event": func(line []byte) (json.RawMessage, error) { return line, nil },
			"json": func(line []byte) (json.RawMessage, error) {
				return json.Marshal(fields.event(line, json.RawMessage(*attributes)))
			},
			"raw": func(line []byte) (json.RawMessage, error) {
				text, err := json.Marshal(string(line))
				if err != nil {
					return nil, err
				}
				return json.Marshal(fields.event(text, json.RawMessage(*attributes)))
			},
		}[*format]
		if !ok {
			return &usageError{fmt.Errorf("--format %s is none of raw, json, event", *format)}
		}
		return sendSplunkLines(cmd, args, "events", func(number int, line []byte) (json.RawMessage, error) {
			if *format != "raw" && !json.Valid(line) {
				return nil, fmt.Errorf("line %d is no JSON: --format raw sends text", number)
			}
			return eventOf(line)
		})
	}
	return cmd
}

func newSendSplunkMetrics() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "post-metrics [FILE]",
		Short:   "Send each line, an array of metrics, as a metric event",
		Example: `  echo '[{"name":"cpu.util","value":45.0,"unit":"percent"}]' | penstock send splunk post-metrics --default-type g`,
		Args:    cobra.MaximumNArgs(1),
	}
	var fields splunkFields
	fields.add(cmd)
	dimensions := cmd.Flags().String("default-dimensions", "", "JSON object of dimensions that each metric inherits")
	kind := cmd.Flags().String("default-type", "", "type that each metric inherits")
	unit := cmd.Flags().String("default-unit", "", "unit that each metric inherits")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		inherited := map[string]any{}
		if *dimensions != "" {
			if !json.Valid([]byte(*dimensions)) {
				return &usageError{errors.New("--default-dimensions is no JSON")}
			}
			inherited["defaultDimensions"] = json.RawMessage(*dimensions)
		}
		for name, value := range map[string]string{"defaultType": *kind, "defaultUnit": *unit} {
			if value != "" {
				inherited[name] = value
			}
		}
		var attributes json.RawMessage
		if len(inherited) > 0 {
			var err error
			if attributes, err = json.Marshal(inherited); err != nil {
				return err
			}
		}
		return sendSplunkLines(cmd, args, "metrics", func(number int, line []byte) (json.RawMessage, error) {
			var metrics []json.RawMessage
			if err := json.Unmarshal(line, &metrics); err != nil {
				return nil, fmt.Errorf("line %d is no JSON array of metrics: %w", number, err)
			}
			return json.Marshal(fields.event(line, attributes))
		})
	}
	return cmd
}

func sendSplunkLines(cmd *cobra.Command, args []string, endpoint string, event func(number int, line []byte) (json.RawMessage, error)) error {
	s, err := newSender(cmd, "events")
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(cmd)
	defer stop()
	err = inBatches(cmd, args, func(first int, lines [][]byte) error {
		body := []byte{'['}
		for i, line := range lines {
			one, err := event(first+i, line)
			if err != nil {
				return err
			}
			if i > 0 {
				body = append(body, ',')
			}
			body = append(body, one...)
		}
		r := request{path: splunkPath(cmd, endpoint), header: splunkHeader(cmd), body: append(body, ']'), items: len(lines)}
		_, err := s.send(ctx, r)
		return err
	})
	if err == nil {
		s.done()
	}
	return err
}

func splunkPath(cmd *cobra.Command, endpoint string) string {
	return "/" + url.PathEscape(cmd.Flag("tenant").Value.String()) + "/ingest/v1beta2/" + endpoint
}

func splunkHeader(cmd *cobra.Command) map[string]string {
	header := map[string]string{"Content-Type": "application/json"}
	if token := key(cmd, "token"); token != "" {
		header["Authorization"] = "Bearer " + token
	}
	return header
}

func newSendSplunkFile() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "upload-files",
		Short:   "Upload a file of up to 1 MiB",
		Example: "  penstock send splunk upload-files --file-name data.csv",
		Args:    cobra.NoArgs,
	}
	name := cmd.Flags().String("file-name", "", "`file` to upload")
	_ = cmd.MarkFlagRequired("file-name")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		text, err := os.ReadFile(*name)
		if err != nil {
			return err
		}
		s, err := newSender(cmd, "files")
		if err != nil {
			return err
		}
		ctx, stop := untilSignal(cmd)
		defer stop()
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		part, err := form.CreateFormFile("upfile", filepath.Base(*name))
		if err == nil {
			_, err = part.Write(text)
		}
		if err = errors.Join(err, form.Close()); err != nil {
			return err
		}
		header := splunkHeader(cmd)
		header["Content-Type"] = form.FormDataContentType()
		if _, err = s.send(ctx, request{path: splunkPath(cmd, "files"), header: header, body: body.Bytes(), items: 1}); err == nil {
			s.done()
		}
		return err
	}
	return cmd
}
