package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"
	"runtime"
	"time"
)

var errRecovering = errors.New("recovering: the logs are being opened")

// healthz tells that the process is alive; it looks at nothing else, so that a full disk does not get a healthy process killed.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	plain(w)
	io.WriteString(w, "ok\n")
}

// readyz tells whether records are taken: "ok", or 503 and the reason in words.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	plain(w)
	if err := s.whyNotReady(); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintf(w, "not ready: %v\n", err)
		return
	}
	io.WriteString(w, "ok\n")
}

func (s *Server) whyNotReady() error {
	if s.ready != nil {
		if err := s.ready(); err != nil {
			return err
		}
	}
	set := s.set()
	if set == nil {
		return errRecovering
	}
	return set.Ready()
}

func (s *Server) serveMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	if s.metrics != nil {
		s.metrics(w)
	}
}

func (s *Server) serveVersion(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]string{"version": s.version, "go": runtime.Version()})
}

// addProfiles registers the profiler's handlers on this mux; importing net/http/pprof also puts them on the default mux,
// which nothing here serves.
func addProfiles(mux *http.ServeMux) {
	for path, handler := range map[string]http.HandlerFunc{
		"GET /debug/pprof/":        pprof.Index,
		"GET /debug/pprof/cmdline": pprof.Cmdline,
		"GET /debug/pprof/profile": pprof.Profile,
		"GET /debug/pprof/symbol":  pprof.Symbol,
		"GET /debug/pprof/trace":   pprof.Trace,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(profileTimeout))
			handler(w, r)
		})
	}
}

func plain(w http.ResponseWriter) { w.Header().Set("Content-Type", "text/plain; charset=utf-8") }

// reply answers with v as JSON on one line.
func reply(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("BUG: an answer that is not JSON: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(body, '\n'))
}

// refuse answers {"error":"…"}: what is wrong and what to do, in one sentence.
func refuse(w http.ResponseWriter, status int, format string, args ...any) {
	reply(w, status, map[string]string{"error": fmt.Sprintf(format, args...)})
}
