package admin

import (
	"encoding/json"
	"strings"
	"testing"

	"penstock/segstore"
)

func TestLine(t *testing.T) {
	key := []byte("u42")
	for _, c := range []struct {
		name       string
		key, value []byte
		want       string // from the key on
	}{
		{"an object is itself", key, []byte(`{"a":1}`), `"key":"u42","value":{"a":1}}`},
		{"null key", nil, []byte(`{}`), `"key":null,"value":{}}`},
		{"empty key", []byte{}, []byte(`{}`), `"key":"","value":{}}`},
		{"key to escape", []byte("a\"b\\c\n"), []byte(`1`), `"key":"a\"b\\c\n","value":1}`},
		{"binary key", []byte{0xff, 0}, []byte(`1`), `"key":"/wA=","key_encoding":"base64","value":1}`},
		{"numbers keep every digit", key, []byte(`{"n":12345678901234567890.10,"e":1E+400}`), `"key":"u42","value":{"n":12345678901234567890.10,"e":1E+400}}`},
		{"order, doubles and spaces stay", key, []byte(`{"b": 1,"a":2, "b":3}`), `"key":"u42","value":{"b": 1,"a":2, "b":3}}`},
		{"escapes stay as sent", key, []byte(`{"s":"\u00e9\/<é>"}`), `"key":"u42","value":{"s":"\u00e9\/<é>"}}`},
		{"pretty-printed is one line", key, []byte("{\r\n\t\"a\": [\n1]\n}\n"), "\"key\":\"u42\",\"value\":{  \t\"a\": [ 1] } }"},
		{"a JSON string is itself", key, []byte(`"text"`), `"key":"u42","value":"text"}`},
		{"text is a string", key, []byte("GET /x \"1\"\t\x01\x7f"), `"key":"u42","value":"GET /x \"1\"\t\u0001` + "\x7f" + `"}`},
		{"text with letters beyond ASCII", key, []byte("größe 東京"), `"key":"u42","value":"größe 東京"}`},
		{"text with a line break", key, []byte("a\nb\r"), `"key":"u42","value":"a\nb\r"}`},
		{"nearly JSON is text", key, []byte(`{"a":01}`), `"key":"u42","value":"{\"a\":01}"}`},
		{"two JSON values are text", key, []byte(`{} {}`), `"key":"u42","value":"{} {}"}`},
		{"JSON with a raw line break in a string is text", key, []byte("\"a\nb\""), `"key":"u42","value":"\"a\nb\""}`},
		{"nothing", key, []byte{}, `"key":"u42","value":""}`},
		{"null value", key, nil, `"key":"u42","value":null}`},
		{"bytes", key, []byte{0, 0xff, 0xfe}, `"key":"u42","value":"AP/+","encoding":"base64"}`},
		{"JSON with bytes that are not UTF-8", key, []byte("{\"a\":\"\xff\"}"), `"key":"u42","value":"eyJhIjoi/yJ9","encoding":"base64"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := segstore.Record{Offset: 17, Time: 1474921202000, Key: c.key, Value: c.value}
			got := string(AppendLine(nil, "t", 3, &r, false))
			want := `{"topic":"t","shard":3,"offset":17,"time":1474921202000,` + c.want + "\n"
			if got != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
			if strings.Count(got, "\n") != 1 || !json.Valid([]byte(got)) {
				t.Errorf("not one line of JSON: %q", got)
			}
		})
	}
}

// Whatever the bytes are, the line is one line of JSON, and exact gives them back.
func FuzzLine(f *testing.F) {
	f.Add([]byte("k"), []byte("{\"a\":\n1}"))
	f.Add([]byte{0xc3}, []byte("\"\u2028\x00\""))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		for _, exact := range []bool{false, true} {
			line := AppendLine(nil, "t", 0, &segstore.Record{Key: key, Value: value}, exact)
			if strings.Count(string(line), "\n") != 1 || !json.Valid(line) {
				t.Fatalf("not one line of JSON: %q", line)
			}
			if !exact {
				continue
			}
			var back struct{ Value []byte } // encoding/json reads base64 into bytes
			if err := json.Unmarshal(line, &back); err != nil || string(back.Value) != string(value) {
				t.Fatalf("%q came back as %q, %v", value, back.Value, err)
			}
		}
	})
}
