// Command splunk sends events, metrics and files with the Splunk Cloud SDK, and wants the SDK to understand every answer.
//
//	splunk HOST:PORT TENANT TOKEN FILE
package main

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/splunk/splunk-cloud-sdk-go/sdk"
	"github.com/splunk/splunk-cloud-sdk-go/services"
	"github.com/splunk/splunk-cloud-sdk-go/services/ingest"
	"github.com/splunk/splunk-cloud-sdk-go/util"
)

func main() {
	client := dial(os.Args[3])
	for _, step := range []func(*ingest.Service) error{postEvents, postMetrics, uploadFiles, postNothing, postWithoutBody, postBatch} {
		if err := step(client); err != nil {
			log.Fatal(err)
		}
	}
	if err := postEvents(dial("not-" + os.Args[3])); !unauthorized(err) {
		log.Fatalf("a wrong token: %v", err)
	}
}

// dial makes a client that has a token.
func dial(token string) *ingest.Service {
	client, err := sdk.NewClient(&services.Config{
		OverrideHost: os.Args[1],
		Tenant:       os.Args[2],
		Token:        token,
		Scheme:       "http",
		Timeout:      10 * time.Second,
	})
	if err != nil {
		log.Fatal(err)
	}
	return client.IngestService
}

func postEvents(service *ingest.Service) error {
	return accepted(service.PostEvents([]ingest.Event{{
		Body:       map[string]any{"event": "event1", "n": 9007199254740993},
		Attributes: map[string]any{"outer": map[string]any{"inner": "ü<&>"}},
		Host:       of("host-1"), Id: of("id-1"), Source: of("source-1"), Sourcetype: of("type:1"),
		Timestamp: of(int64(1795324339957)), Nanos: of(int32(123456)),
	},
		{Body: "a text with \"quotes\", a\ttab and a line\nfeed", Timestamp: of(int64(0))},
		{Body: 0.1},
		{Body: []string{"a", "b"}},
		{Body: false},
	}))
}

func postMetrics(service *ingest.Service) error {
	return accepted(service.PostMetrics([]ingest.MetricEvent{{
		Body: []ingest.Metric{
			{Name: "CPU", Value: of(5.89), Dimensions: map[string]string{"Server": "redhat", "Region": "eu"}, Unit: of("percentage")},
			{Name: "Memory", Value: of(20.27), Type: of("c")},
			{Name: "Disk"},
		},
		Attributes: &ingest.MetricAttribute{DefaultDimensions: map[string]string{"Region": "us", "Rack": "7"}, DefaultType: of("t"), DefaultUnit: of("MB")},
		Host:       of("host-1"), Id: of("metric0001"), Source: of("source-1"), Sourcetype: of("type:1"),
		Timestamp: of(int64(1795324339957)), Nanos: of(int32(1)),
	},
		{Body: []ingest.Metric{{Name: "bare", Value: of(1e-7)}}, Timestamp: of(int64(1795324339958))},
		{Body: []ingest.Metric{{Name: "bare", Value: of(-3.0)}}, Timestamp: of(int64(1795324339959))},
	}))
}

func uploadFiles(service *ingest.Service) error {
	for _, upload := range []func(*http.Response) error{
		func(r *http.Response) error { return service.UploadFiles(os.Args[4], r) },
		func(r *http.Response) error { return service.UploadFilesStream(strings.NewReader("one\ntwo\n"), r) },
	} {
		var response http.Response
		if err := upload(&response); err != nil {
			return fmt.Errorf("a file: %w", err)
		}
		if response.StatusCode != http.StatusCreated {
			return fmt.Errorf("a file was answered with %s", response.Status)
		}
	}
	return nil
}

// postNothing sends what the live service refuses: null, which is what the SDK makes of a nil slice, and arrays without anything in them.
func postNothing(service *ingest.Service) error {
	for _, none := range [][]ingest.Event{nil, {}} {
		if _, err := refused(service.PostEvents(none)); err != nil {
			return fmt.Errorf("events %#v: %w", none, err)
		}
	}
	for _, none := range [][]ingest.MetricEvent{nil, {}, {{}}} {
		if _, err := refused(service.PostMetrics(none)); err != nil {
			return fmt.Errorf("metrics %#v: %w", none, err)
		}
	}
	return nil
}

func postWithoutBody(service *ingest.Service) error {
	refusal, err := refused(service.PostEvents([]ingest.Event{{Body: "a body"}, {}}))
	if err != nil {
		return err
	}
	if details := fmt.Sprint(refusal.Details); !strings.Contains(details, "failedEvents:[map[index:1 message:Event body cannot be") {
		return fmt.Errorf("an event without a body: the details are %s", details)
	}
	return nil
}

// postBatch sends as many events, and almost as many bytes, as the SDK's batching sender puts into one request at most.
func postBatch(service *ingest.Service) error {
	const events, bytes = 500, 1_000_000
	batch := make([]ingest.Event, events)
	for i := range batch {
		batch[i] = ingest.Event{Body: fmt.Sprintf("%04d%s", i, strings.Repeat(".", bytes/events-len("0000"))), Timestamp: of(int64(i))}
	}
	return accepted(service.PostEvents(batch))
}

func of[T any](v T) *T { return &v }

func accepted(answer *ingest.HttpResponse, err error) error {
	switch {
	case err != nil:
		return err
	case answer.Code == nil || *answer.Code != "SUCCESS" || answer.Message == nil || *answer.Message == "":
		return fmt.Errorf("the answer is %+v", *answer)
	}
	return nil
}

// unauthorized is how the SDK's own tests know that a token is wrong.
func unauthorized(err error) bool {
	var refusal *util.HTTPError
	return errors.As(err, &refusal) && refusal.HTTPStatusCode == http.StatusUnauthorized &&
		(refusal.Message == "Error validating request" || refusal.Message == "Invalid or Expired Bearer Token")
}

func refused(_ *ingest.HttpResponse, err error) (*util.HTTPError, error) {
	var refusal *util.HTTPError
	if !errors.As(err, &refusal) {
		return nil, fmt.Errorf("not refused as the SDK knows it: %v", err)
	}
	if refusal.HTTPStatusCode != http.StatusBadRequest || refusal.Code != "INVALID_DATA" || refusal.Message != "The request isn't valid." {
		return nil, fmt.Errorf("refused with %v %s", refusal.HTTPStatusCode, refusal)
	}
	return refusal, nil
}
