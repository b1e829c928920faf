package config

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Value is a setting's place in a Config: it reads text into it and writes text that reads back the same.
// Its methods are those that command-line flags want.
type Value interface {
	Set(text string) error // the error completes the sentence "NAME: …"
	String() string
	Type() string // what help shows: "size", "duration", …
}

// Off is how a listener says that it does not listen.
const Off = "off"

type textValue struct {
	at   *string
	kind string
}

func (v textValue) Set(text string) error { *v.at = text; return nil }
func (v textValue) String() string        { return *v.at }
func (v textValue) Type() string          { return v.kind }

// choiceValue is one word of a few.
type choiceValue struct {
	at      *string
	choices []string
}

func (v choiceValue) Set(text string) error {
	if !slices.Contains(v.choices, text) {
		return fmt.Errorf("%q is not one of %s", text, strings.Join(v.choices, ", "))
	}
	*v.at = text
	return nil
}
func (v choiceValue) String() string { return *v.at }
func (v choiceValue) Type() string   { return strings.Join(v.choices, "|") }

// countValue is a whole number in [least, most].
type countValue struct {
	at          *int
	least, most int
}

func (v countValue) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("%q is not a whole number", text)
	}
	if n < v.least || n > v.most {
		return fmt.Errorf("%d is outside %d to %d", n, v.least, v.most)
	}
	*v.at = n
	return nil
}
func (v countValue) String() string { return strconv.Itoa(*v.at) }
func (v countValue) Type() string   { return "number" }

type sizeValue struct{ at *int64 }

func (v sizeValue) Set(text string) (err error) {
	n, err := ParseSize(text)
	if err == nil {
		*v.at = n
	}
	return err
}
func (v sizeValue) String() string { return FormatSize(*v.at) }
func (v sizeValue) Type() string   { return "size" }

type durationValue struct{ at *time.Duration }

func (v durationValue) Set(text string) error {
	d, err := ParseDuration(text)
	if err == nil {
		*v.at = d
	}
	return err
}
func (v durationValue) String() string { return FormatDuration(*v.at) }
func (v durationValue) Type() string   { return "duration" }

// addressValue is where a listener listens: host:port, :port (every address of the machine), or off.
type addressValue struct {
	at  *string
	url bool // http://host:port is taken too
}

func (v addressValue) Set(text string) error {
	if text == Off {
		*v.at = Off
		return nil
	}
	address := text
	if v.url {
		if rest, ok := strings.CutPrefix(text, "http://"); ok {
			address = strings.TrimSuffix(rest, "/")
		}
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not an address: write host:port, as 127.0.0.1:8080, or off", text)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q has no port between 0 and 65535: write host:port, as 127.0.0.1:8080, or off", text)
	}
	*v.at = address
	return nil
}
func (v addressValue) String() string { return *v.at }
func (v addressValue) Type() string   { return "host:port|off" }

// namesValue is a list of words between commas; with choices, of those words only.
type namesValue struct {
	at      *[]string
	choices []string
}

func (v namesValue) Set(text string) error {
	names, err := splitList(text)
	if err != nil {
		return err
	}
	for _, name := range names {
		if v.choices != nil && !slices.Contains(v.choices, name) {
			return fmt.Errorf("%q is not one of %s", name, strings.Join(v.choices, ", "))
		}
	}
	*v.at = names
	return nil
}
func (v namesValue) String() string { return strings.Join(*v.at, ",") }
func (v namesValue) Type() string   { return "list" }

// numbersValue is a list of whole numbers between commas, none below zero.
type numbersValue struct{ at *[]int }

func (v numbersValue) Set(text string) error {
	names, err := splitList(text)
	if err != nil {
		return err
	}
	var numbers []int
	for _, name := range names {
		n, err := strconv.Atoi(name)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is not a CPU's number: write numbers from 0 with commas between, as 0,1", name)
		}
		numbers = append(numbers, n)
	}
	*v.at = numbers
	return nil
}
func (v numbersValue) String() string {
	names := make([]string, len(*v.at))
	for i, n := range *v.at {
		names[i] = strconv.Itoa(n)
	}
	return strings.Join(names, ",")
}
func (v numbersValue) Type() string { return "list" }

// splitList splits at commas; "" is no items, and an item is not empty and stands once.
func splitList(text string) ([]string, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	items := strings.Split(text, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
		if items[i] == "" {
			return nil, errors.New("an item of the list is empty: write items with one comma between")
		}
		if slices.Contains(items[:i], items[i]) {
			return nil, fmt.Errorf("%q stands twice in the list", items[i])
		}
	}
	return items, nil
}

// isList reports whether the setting's value is a list, which a YAML sequence may give.
func (s *Setting) isList() bool {
	switch s.Value(new(Config)).(type) {
	case namesValue, numbersValue:
		return true
	}
	return false
}
