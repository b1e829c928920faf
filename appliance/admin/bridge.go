package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Bridge is what brings topics to Kafka clusters, as this door knows it. What it tells is shown as JSON.
type Bridge interface {
	// Status tells how far every cluster is.
	Status() any
	// Promotion tells how far a topic's way to a cluster, or back, is; false when it is on none.
	Promotion(topic string) (any, bool)
	// Promote has a cluster keep a topic, Demote no longer. They return when it is begun. Errors: ErrNoTopic, ErrConflict, ErrAsk.
	Promote(topic, to string) error
	Demote(topic string) error
}

// Errors of a Bridge that are the client's.
var (
	ErrNoTopic  = errors.New("there is no such topic")
	ErrConflict = errors.New("that can't be done now")
	ErrAsk      = errors.New("that can't be understood")
)

// Promote is the body of POST /v1/topics/{topic}/promotion.
type Promote struct {
	To string `json:"to"`
}

func (s *Server) serveForward(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, s.bridge.Status())
}

func (s *Server) servePromotion(w http.ResponseWriter, r *http.Request) {
	if st, ok := s.bridge.Promotion(r.PathValue("topic")); ok {
		reply(w, http.StatusOK, st)
		return
	}
	refuse(w, http.StatusNotFound, "no cluster keeps the topic %q, or is to keep it", r.PathValue("topic"))
}

func (s *Server) promote(w http.ResponseWriter, r *http.Request) {
	var ask Promote
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&ask)
	if err == nil {
		if _, more := decoder.Token(); more != io.EOF {
			err = errors.New("it goes on behind its JSON object")
		}
	}
	if err != nil || ask.To == "" {
		refuse(w, http.StatusBadRequest, `the body is not {"to":"kafka://host:9092"}: %v`, err)
		return
	}
	s.begun(w, r, s.bridge.Promote(r.PathValue("topic"), ask.To))
}

func (s *Server) demote(w http.ResponseWriter, r *http.Request) {
	s.begun(w, r, s.bridge.Demote(r.PathValue("topic")))
}

// begun answers 202 when a promotion, or its end, has begun, with how far it is.
func (s *Server) begun(w http.ResponseWriter, r *http.Request, err error) {
	topic := r.PathValue("topic")
	switch {
	case err == nil:
		st, _ := s.bridge.Promotion(topic)
		reply(w, http.StatusAccepted, st)
	case errors.Is(err, ErrNoTopic):
		unknownTopic(w, r)
	case errors.Is(err, ErrAsk):
		refuse(w, http.StatusBadRequest, "%v", err)
	case errors.Is(err, ErrConflict):
		refuse(w, http.StatusConflict, "the topic %q: %v", topic, err)
	default:
		refuse(w, http.StatusServiceUnavailable, "the topic %q: %v", topic, err)
	}
}

// noBridge is the Bridge of a server that was given none.
type noBridge struct{}

func (noBridge) Status() any                  { return struct{}{} }
func (noBridge) Promotion(string) (any, bool) { return nil, false }
func (noBridge) Promote(string, string) error { return errNoBridge }
func (noBridge) Demote(string) error          { return errNoBridge }

var errNoBridge = fmt.Errorf("%w: nothing is brought to clusters here", ErrConflict)
