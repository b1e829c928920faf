package bridge

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Scheme begins a cluster's address.
const Scheme = "kafka://"

// Address says where a cluster is and how to get in: kafka://[USER@]HOST:PORT[,HOST:PORT…][?tls=on&ca=FILE&sasl=…&password-file=FILE].
type Address struct {
	text    string
	brokers []string
	tls     bool
	ca      string
	user    string
	sasl    string
	secret  string // the file that holds the password
}

// Ways to say who one is.
const (
	saslPlain    = "plain"
	saslScram256 = "scram-sha-256"
	saslScram512 = "scram-sha-512"
)

// ParseAddress reads a cluster's address. No error repeats what might be a password.
func ParseAddress(text string) (Address, error) {
	rest, ok := strings.CutPrefix(text, Scheme)
	if !ok {
		return Address{}, errors.New("a cluster's address begins with " + Scheme + ", as kafka://host:9092,host2:9092")
	}
	rest, query, _ := strings.Cut(rest, "?")
	a := Address{text: text, sasl: saslScram256}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		a.user, rest = rest[:i], rest[i+1:]
		if strings.ContainsRune(a.user, ':') {
			return Address{}, errors.New("a password does not belong into an address, where everybody sees it: put it into a file and say kafka://USER@…?password-file=FILE")
		}
	}
	for _, broker := range strings.Split(strings.TrimSuffix(rest, "/"), ",") {
		host, port, err := net.SplitHostPort(broker)
		if err != nil || host == "" || port == "" {
			return Address{}, fmt.Errorf("%q is not a broker's HOST:PORT, as kafka://host:9092,host2:9092", broker)
		}
		a.brokers = append(a.brokers, broker)
	}
	settings, err := url.ParseQuery(query)
	if err != nil {
		return Address{}, errors.New("what stands behind the ? of a cluster's address must look like tls=on&ca=FILE")
	}
	return a, a.set(settings)
}

func (a *Address) set(settings url.Values) error {
	for name, values := range settings {
		value := values[len(values)-1]
		switch {
		case name == "tls" && (value == "on" || value == "off"):
			a.tls = value == "on"
		case name == "ca":
			a.ca, a.tls = value, true
		case name == "sasl" && (value == saslPlain || value == saslScram256 || value == saslScram512):
			a.sasl = value
		case name == "password-file":
			a.secret = value
		default:
			return fmt.Errorf("a cluster's address knows tls=on|off, ca=FILE, sasl=%s|%s|%s and password-file=FILE, and not that value of %q",
				saslPlain, saslScram256, saslScram512, name)
		}
	}
	if (a.user == "") != (a.secret == "") {
		return errors.New("a cluster's address has a user and a password-file, or neither: kafka://USER@…?password-file=FILE")
	}
	return nil
}

// Files are the files that the address names.
func (a Address) Files() (all []string) {
	for _, file := range []string{a.ca, a.secret} {
		if file != "" {
			all = append(all, file)
		}
	}
	return all
}

// String is the address as it was written. It holds no secret.
func (a Address) String() string { return a.text }

// options are what a client needs to get in.
func (a Address) options() ([]kgo.Opt, error) {
	o := []kgo.Opt{kgo.SeedBrokers(a.brokers...)}
	if a.tls {
		c := &tls.Config{MinVersion: tls.VersionTLS12}
		if a.ca != "" {
			pem, err := os.ReadFile(a.ca)
			if err != nil {
				return nil, err
			}
			c.RootCAs = x509.NewCertPool()
			if !c.RootCAs.AppendCertsFromPEM(pem) {
				return nil, fmt.Errorf("%s holds no certificate", a.ca)
			}
		}
		o = append(o, kgo.DialTLSConfig(c))
	}
	if a.user == "" {
		return o, nil
	}
	secret, err := os.ReadFile(a.secret)
	if err != nil {
		return nil, err
	}
	return append(o, kgo.SASL(a.mechanism(strings.TrimSpace(string(secret))))), nil
}

func (a Address) mechanism(password string) sasl.Mechanism {
	switch a.sasl {
	case saslPlain:
		return plain.Auth{User: a.user, Pass: password}.AsMechanism()
	case saslScram512:
		return scram.Auth{User: a.user, Pass: password}.AsSha512Mechanism()
	}
	return scram.Auth{User: a.user, Pass: password}.AsSha256Mechanism()
}
