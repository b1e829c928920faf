package appliance

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"penstock/appliance/admin"
	"penstock/appliance/config"
	"penstock/appliance/kafka/bridge"
)

// logCluster is the address of the cluster that keeps the topics; "" when they are kept here.
func (a *Appliance) logCluster() string {
	if a.config.Log == config.Local {
		return ""
	}
	return a.config.Log
}

// checkBridge says what is wrong with the addresses of clusters.
func checkBridge(c *config.Config) error {
	if c.Log != "" && c.Log != config.Local {
		if _, err := bridge.ParseAddress(c.Log); err != nil {
			return fmt.Errorf("log: %w", err)
		}
	}
	for name, f := range c.Forwards {
		if _, err := bridge.ParseAddress(f.To); err != nil {
			return fmt.Errorf("forward.%s.to: %w", name, err)
		}
	}
	return nil
}

// routingSeed asks the cluster that keeps the topics for the routing seed of a new data directory; nil when none keeps them.
func (a *Appliance) routingSeed() func() (uint64, error) {
	if a.logCluster() == "" {
		return nil
	}
	return func() (uint64, error) { return bridge.Seed(context.Background(), a.logCluster(), a.log) }
}

// topicsChanged tells the bridge that a topic came or went.
func (a *Appliance) topicsChanged() {
	if b := a.bridge.Load(); b != nil {
		b.Changed()
	}
}

// openBridge starts to bring topics to clusters. It waits for none of them.
func (a *Appliance) openBridge() error {
	c := &a.config
	forwards := map[string]bridge.Forward{}
	for name, f := range c.Forwards {
		forwards[name] = bridge.Forward{To: f.To, Topics: f.Topics, Rename: f.Rename, Headers: f.Headers == "on"}
	}
	b, err := bridge.Open(bridge.Options{Dir: c.DataDir, Set: a.set.Load(), Log: a.logCluster(), Forwards: forwards, Promotions: a.promotions, Logger: a.log})
	if err != nil {
		return err
	}
	a.bridge.Store(b)
	b.Changed() // a topic may have come meanwhile
	return nil
}

// spooled is whether a cluster keeps a topic, or is to keep it: retention must not take what is yet to be brought there.
func (a *Appliance) spooled(topic string) bool {
	return topic[0] != '_' && (a.logCluster() != "" || a.promotions.Has(topic))
}

// bridgeDoor is the bridge as the admin door knows it.
type bridgeDoor struct{ a *Appliance }

func (d bridgeDoor) Status() any {
	if b := d.a.bridge.Load(); b != nil {
		return b.Status()
	}
	return bridge.Status{Targets: []bridge.TargetStatus{}}
}

func (d bridgeDoor) Promotion(topic string) (any, bool) {
	if b := d.a.bridge.Load(); b != nil {
		return b.Promotion(topic)
	}
	return nil, false
}

func (d bridgeDoor) Promote(topic, to string) error {
	b := d.a.bridge.Load()
	if b == nil {
		return errRecovering
	}
	address, err := bridge.ParseAddress(to)
	if err != nil {
		return fmt.Errorf("%w: %w", admin.ErrAsk, err)
	}
	if err := filesWithin(d.a.config.DataDir, address); err != nil {
		return fmt.Errorf("%w: %w", admin.ErrAsk, err)
	}
	return doorError(b.Promote(topic, to))
}

func (d bridgeDoor) Demote(topic string) error {
	b := d.a.bridge.Load()
	if b == nil {
		return errRecovering
	}
	return doorError(b.Demote(topic))
}

// filesWithin refuses an address that names files outside the data directory: who reaches the admin listener must not have any file read, and
// sent to anywhere as a password.
func filesWithin(dir string, address bridge.Address) error {
	for _, file := range address.Files() {
		if within, err := filepath.Rel(dir, file); err != nil || !filepath.IsLocal(within) {
			return fmt.Errorf("%s: files that an address names must be in the data directory when it does not come from the configuration", file)
		}
	}
	return nil
}

// doorError says whose fault an error is, in the door's terms.
func doorError(err error) error {
	switch {
	case errors.Is(err, bridge.ErrUnknownTopic):
		return admin.ErrNoTopic
	case errors.Is(err, bridge.ErrElsewhere), errors.Is(err, bridge.ErrNotPromoted):
		return fmt.Errorf("%w: %w", admin.ErrConflict, err)
	}
	return err
}
