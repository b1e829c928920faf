package appliance

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"penstock/appliance/config"
	"penstock/appliance/intake"
	"penstock/wire"
	"penstock/wire/formats"
)

// Check says what is wrong with the part of a configuration that only the wires and the bridge understand: the wires' names, their settings,
// the file of secrets, the addresses of clusters. nil: nothing.
func Check(c *config.Config) error {
	a := &Appliance{config: *c}
	if err := checkBridge(c); err != nil {
		return err
	}
	spoken, err := a.formats()
	if err != nil {
		return err
	}
	return intake.Check(spoken, a.keys(), a.topics())
}

// formats is every wire as it is configured.
func (a *Appliance) formats() ([]wire.Format, error) {
	c := &a.config
	secrets, err := readSecrets(c.SegmentSecretFile)
	if err != nil {
		return nil, err
	}
	return formats.New(formats.Settings{
		TelnetMaxLine:     int(c.TelnetMaxLine),
		TelnetFeedback:    c.TelnetFeedback == "on",
		GraphiteTags:      c.GraphiteTags,
		GraphiteTemplates: c.Wires["graphite"].Templates,
		GraphiteMaxLine:   int(c.GraphiteMaxLine),
		PickleMaxFrame:    int(c.PickleMaxFrame),
		SegmentSecrets:    secrets,
	})
}

// readSecrets reads a file of secrets, one a line. No error holds any of them.
func readSecrets(path string) (all [][]byte, err error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("segment-secret-file: %w", err)
	}
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			all = append(all, line)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("segment-secret-file: " + path + " holds no secret; without the setting no signature is asked for")
	}
	return all, nil
}

// streamsOf is where the streams listen; "off" where not.
func streamsOf(c *config.Config) map[string]string {
	return map[string]string{"telnet": c.Telnet, "graphite": c.Graphite, "pickle": c.Pickle}
}

// keys is who may send, of all tenants.
func (a *Appliance) keys() (all []intake.Key) {
	for _, name := range slices.Sorted(maps.Keys(a.config.Tenants)) {
		tenant := a.config.Tenants[name]
		for _, sum := range tenant.Keys {
			all = append(all, intake.Key{Tenant: name, Sum: sum, Wires: tenant.Wires})
		}
	}
	return all
}

// topics is where wires' records go, where the configuration says so.
func (a *Appliance) topics() map[string]map[wire.Kind]string {
	all := map[string]map[wire.Kind]string{}
	for name, said := range a.config.Wires {
		all[name] = said.Topics
	}
	return all
}
