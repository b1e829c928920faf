package shard

import (
	"errors"

	"penstock/segstore"
)

// What a request can be told. They are compared with errors.Is; ErrFull may come wrapped around what the disk said.
var (
	ErrBusy         = errors.New("the writers are behind: try again soon")
	ErrUnderWay     = errors.New("the same records are being stored for another request: try again soon")
	ErrSick         = errors.New("the topic can't be opened")
	ErrFull         = errors.New("no disk space is left for another segment")
	ErrTopics       = errors.New("there are as many topics as are allowed (max-topics)")
	ErrTooLarge     = errors.New("the request is larger than a ring can hold (ring-bytes)")
	ErrClosing      = errors.New("shutting down")
	ErrTimeout      = errors.New("the records were not stored in time")
	ErrSync         = errors.New("the disk failed to sync the records")
	ErrExists       = errors.New("the topic exists")
	ErrUnknownTopic = errors.New("there is no such topic")
	ErrUnknownShard = errors.New("the topic has no such shard")
)

var errSync = ErrSync // addressable, so that failing a request allocates nothing

// storeFault turns a log's refusal into what a request is told.
func storeFault(err error) error {
	switch {
	case errors.Is(err, segstore.ErrFull):
		return ErrFull
	case errors.Is(err, segstore.ErrClosed):
		return ErrUnknownTopic
	}
	return err
}
