package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

const (
	adminDefault = "http://127.0.0.1:9600"
	adminEnv     = "PENSTOCK_ADMIN"
)

// addAdminFlag gives a client command --admin. What the flag does not say, the environment does; see newAdminClient.
func addAdminFlag(cmd *cobra.Command) {
	cmd.Flags().String("admin", "", fmt.Sprintf("URL of the appliance's admin listener (environment %s, default %s)", adminEnv, adminDefault))
}

// adminClient asks the admin server of one appliance.
type adminClient struct {
	base string // URL without a trailing slash
	http *http.Client
}

// newAdminClient takes the URL from --admin, else the environment, else the default. A bare host:port is http.
func newAdminClient(cmd *cobra.Command) (*adminClient, error) {
	base := cmd.Flag("admin").Value.String()
	if base == "" {
		base = os.Getenv(adminEnv)
	}
	if base == "" {
		base = adminDefault
	}
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is not the URL of an admin listener: give one such as %s", base, adminDefault)
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment, // never for loopback
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: pollWait + 30*time.Second,
		MaxIdleConnsPerHost:   64, // one for each shard that is followed
		IdleConnTimeout:       30 * time.Second,
		DisableCompression:    true,
	}
	return &adminClient{base: strings.TrimRight(base, "/"), http: &http.Client{Transport: transport}}, nil
}

// statusError is an answer that is not a success.
type statusError struct {
	Status int
	Text   string `json:"error"`
	Next   string `json:"next"` // of a 416: where to go on
}

func (e *statusError) Error() string { return e.Text }

// unreachable is a failure to get an answer at all.
type unreachable struct {
	base string
	err  error
}

func (e *unreachable) Error() string {
	why := e.err.Error()
	var dns *net.DNSError
	switch {
	case errors.Is(e.err, syscall.ECONNREFUSED):
		why = "nobody listens there"
	case errors.Is(e.err, io.ErrUnexpectedEOF):
		why = "the answer was cut off"
	case errors.As(e.err, &dns):
		why = dns.Err
	}
	return fmt.Sprintf("cannot reach %s (%s): is `penstock serve` running? use --admin or %s", e.base, why, adminEnv)
}

func (e *unreachable) Unwrap() error { return e.err }

// passing reports whether an error may go away by itself: the appliance is away, recovering, stopping or in trouble.
func passing(err error) bool {
	var away *unreachable
	var stopped *stoppedError
	var status *statusError
	return errors.As(err, &away) || errors.As(err, &stopped) || errors.As(err, &status) && status.Status >= 500
}

func hasStatus(err error, code int) bool {
	var status *statusError
	return errors.As(err, &status) && status.Status == code
}

// open sends a request and returns a successful answer, whose body the caller closes.
func (c *adminClient) open(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var payload io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		payload = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, target, payload)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err // without method and URL, which say nothing to a person
		}
		return nil, &unreachable{c.base, err}
	}
	if response.StatusCode/100 == 2 {
		return response, nil
	}
	defer response.Body.Close()
	return nil, readStatusError(c.base, response)
}

func readStatusError(base string, response *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10)) // what came is what there is to tell
	failed := &statusError{}
	if json.Unmarshal(text, failed) != nil || failed.Text == "" {
		failed.Text = fmt.Sprintf("%s answered %s: is it a penstock admin listener?", base, response.Status)
	}
	failed.Status = response.StatusCode
	return failed
}

// call sends a request and decodes the answer into out, unless that is nil.
func (c *adminClient) call(ctx context.Context, method, path string, body, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	response, err := c.open(ctx, method, path, nil, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(out); err != nil {
		return fmt.Errorf("%s did not answer in JSON: %w", c.base, err)
	}
	return nil
}

func topicPath(topic string) string { return "/v1/topics/" + url.PathEscape(topic) }
