package appliance

import (
	"strings"
	"testing"

	"penstock/appliance/kafka/bridge"
)

func TestFilesWithin(t *testing.T) {
	for query, allowed := range map[string]bool{
		"":                               true,
		"?ca=/data/ca.pem":               true,
		"?ca=/data/tls/../ca.pem":        true,
		"?ca=/etc/ssl/ca.pem":            false,
		"?ca=/data/../etc/ca.pem":        false,
		"?ca=ca.pem":                     false,
		"?ca=/data2/ca.pem":              false,
		"?password-file=/data/pw":        true,
		"?password-file=/etc/shadow":     false,
		"?ca=/data/ca&password-file=/pw": false,
	} {
		text := "kafka://b:1" + query
		if strings.Contains(query, "password-file") {
			text = "kafka://ada@b:1" + query
		}
		a, err := bridge.ParseAddress(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := filesWithin("/data", a); (err == nil) != allowed {
			t.Errorf("%s: %v", text, err)
		}
	}
}
