package appliance

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// AddressesName is the file in the data directory that says where the running appliance listens: what was asked for may have been
// port 0. It is there from when the doors are bound until they close; after a crash it is stale, as its pid tells.
const AddressesName = "addresses.json"

// Addresses is the content of that file. A listener that is off is "".
type Addresses struct {
	PID   int    `json:"pid"`
	HTTP  string `json:"http,omitempty"`
	HTTPS string `json:"https,omitempty"`

	Telnet   string `json:"telnet,omitempty"`
	Graphite string `json:"graphite,omitempty"` // TCP and UDP
	Pickle   string `json:"pickle,omitempty"`   // TCP and UDP

	Kafka string `json:"kafka,omitempty"`
	Admin string `json:"admin,omitempty"`
}

// Addresses says where the appliance listens.
func (a *Appliance) Addresses() Addresses {
	all := Addresses{PID: os.Getpid()}
	if doors := a.intake.Load(); doors != nil {
		bound := doors.Addrs()
		for name, at := range map[string]*string{"http": &all.HTTP, "https": &all.HTTPS, "telnet": &all.Telnet, "graphite": &all.Graphite, "pickle": &all.Pickle} {
			if addr, ok := bound[name]; ok {
				*at = addr.String()
			}
		}
	}
	if door := a.kafka.Load(); door != nil {
		all.Kafka = door.Addr().String()
	}
	if a.admin != nil {
		all.Admin = a.admin.Addr().String()
	}
	return all
}

// write puts the file in place whole, so that who waits for it never reads half of it. It is not synced: after a power cut nobody
// listens there.
func (all Addresses) write(dir string) error {
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, AddressesName)
	if err = os.WriteFile(path+".tmp", append(text, '\n'), 0o600); err == nil {
		err = os.Rename(path+".tmp", path)
	}
	if err != nil {
		return fmt.Errorf("cannot write down the listeners' addresses: %w", err)
	}
	return nil
}
