package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// OriginKind is where a value came from.
type OriginKind uint8

// The four places, the weakest first.
const (
	FromDefault OriginKind = iota
	FromFile
	FromEnvironment
	FromFlag
)

// Origin says where a setting's value came from.
type Origin struct {
	Kind OriginKind
	Name string // the file, variable or flag
	Line int    // in the file
}

func (o Origin) String() string {
	switch o.Kind {
	case FromFile:
		return o.Name + " line " + strconv.Itoa(o.Line)
	case FromEnvironment:
		return "environment " + o.Name
	case FromFlag:
		return "flag " + o.Name
	default:
		return "default"
	}
}

// Effective is a valid Config with the origin of each value.
type Effective struct {
	Config   Config
	File     string   // the configuration file; "" when there is none
	Warnings []string // what is allowed but probably not meant: one sentence each

	origins map[string]Origin
}

// Origin is where the setting's value came from.
func (e *Effective) Origin(name string) Origin { return e.origins[name] }

// Sources are the places that settings come from.
type Sources struct {
	File    string            // path of the YAML file; "" takes PENSTOCK_CONFIG's, and without that none
	Environ []string          // NAME=value, as os.Environ gives it
	Flags   map[string]string // by the setting's name: those that were given, and no other
}

// FileEnv is the environment's name of the configuration file.
const FileEnv = EnvPrefix + "CONFIG"

// Load puts the sources over each other and the defaults, and validates what comes out. Its error may hold several, joined.
func Load(s Sources) (*Effective, error) {
	e := &Effective{Config: Default(), File: s.File, origins: map[string]Origin{}}
	env := environment(s.Environ)
	if e.File == "" {
		e.File = env[FileEnv]
	}
	var all []error
	if e.File != "" {
		text, err := os.ReadFile(e.File)
		if err != nil {
			return nil, fmt.Errorf("cannot read the configuration file: %w", err)
		}
		all = append(all, e.readFile(e.File, text))
	}
	for i := range settings {
		name := settings[i].Env()
		if text, given := env[name]; given {
			all = append(all, e.set(&settings[i], text, Origin{Kind: FromEnvironment, Name: name}))
		}
	}
	for i := range settings {
		if text, given := s.Flags[settings[i].Name]; given {
			all = append(all, e.set(&settings[i], text, Origin{Kind: FromFlag, Name: "--" + settings[i].Name}))
		}
	}
	// A relation between two values is worth telling only when both were read.
	if err := errors.Join(all...); err != nil {
		return nil, err
	}
	if err := e.Config.Validate(); err != nil {
		return nil, err
	}
	e.warn(env)
	return e, nil
}

func (e *Effective) set(s *Setting, text string, from Origin) error {
	if err := s.Value(&e.Config).Set(text); err != nil {
		return fmt.Errorf("%s: %w", strings.TrimPrefix(from.String(), "flag "), err)
	}
	e.origins[s.Name] = from
	return nil
}

// environment is the variables whose names are ours. An empty one counts as not there: that is what
// a unit file or a container leaves behind for "unset".
func environment(environ []string) map[string]string {
	ours := map[string]string{}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, EnvPrefix) && value != "" {
			ours[name] = value
		}
	}
	return ours
}

func (e *Effective) warn(env map[string]string) {
	known := []string{strings.TrimPrefix(FileEnv, EnvPrefix)}
	for i := range settings {
		known = append(known, strings.TrimPrefix(settings[i].Env(), EnvPrefix))
	}
	for name := range env {
		rest := strings.TrimPrefix(name, EnvPrefix)
		if slices.Contains(known, rest) {
			continue
		}
		warning := "the environment's " + name + " is not a setting and changes nothing"
		if near := nearest(rest, known); near != "" {
			warning += "; did you mean " + EnvPrefix + near + "?"
		}
		e.Warnings = append(e.Warnings, warning)
	}
	slices.Sort(e.Warnings)
	if open := e.Config.openDoors(); len(open) > 0 && len(e.Config.Tenants) == 0 {
		e.Warnings = append(e.Warnings, strings.Join(open, " and ")+": other machines can reach it, and no tenant has a key: whoever reaches it may send; "+
			"give tenants keys for the wires that know keys, and keep strangers out of the others")
	}
	if c := &e.Config; c.Ack == "ring" {
		e.Warnings = append(e.Warnings, "ack: ring acknowledges what is only in memory: a crash loses it; it is meant for load tests")
	}
}
