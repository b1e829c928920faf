package config

import (
	"strings"
	"testing"

	"penstock/appliance/kafka/scram"
)

func verifierOf(t *testing.T, h scram.Hash, password string) string {
	t.Helper()
	v, err := scram.New(h, []byte(password), []byte("some salt of it"), scram.RoundsMin)
	if err != nil {
		t.Fatal(err)
	}
	return v.String()
}

func TestKafkaUsers(t *testing.T) {
	short, long := verifierOf(t, scram.SHA256, "p"), verifierOf(t, scram.SHA512, "p")
	e, err := loadText(t, "kafka_users:\n  ada: {password: "+short+", may: read}\n  bob:\n    password:\n      - "+short+"\n      - "+long+"\n    may: [write, admin, write]\n")
	if err != nil {
		t.Fatal(err)
	}
	check := func(e *Effective) {
		t.Helper()
		ada, bob := e.Config.KafkaUsers["ada"], e.Config.KafkaUsers["bob"]
		if len(ada.Passwords) != 1 || ada.Passwords[0].String() != short || strings.Join(ada.May, " ") != "read" {
			t.Errorf("ada is %+v", ada)
		}
		if len(bob.Passwords) != 2 || bob.Passwords[1].String() != long || strings.Join(bob.May, " ") != "write admin" {
			t.Errorf("bob is %+v", bob)
		}
	}
	check(e)
	if ada := e.Config.KafkaUsers["ada"]; ada.Line != 2 {
		t.Errorf("ada stands on line %d", ada.Line)
	}
	var printed strings.Builder
	if err := e.Print(&printed); err != nil {
		t.Fatal(err)
	}
	back, err := loadText(t, printed.String())
	if err != nil {
		t.Fatalf("%v in\n%s", err, printed.String())
	}
	check(back)
	block, err := loadText(t, "kafka_users:\n  ada:\n    password: |\n      "+short+"\n    may: read\n  bob: {password: ["+short+", "+long+"], may: [write, admin]}\n")
	if err != nil {
		t.Fatalf("a block, which has the line's end: %v", err)
	}
	check(block)
}

// An error names the line and never what may be a password.
func TestKafkaUsers_Failure(t *testing.T) {
	const secret = "hunter2-the-password"
	good, long := verifierOf(t, scram.SHA256, "p"), verifierOf(t, scram.SHA512, "p")
	f := func(text, want string) {
		t.Helper()
		_, err := loadText(t, text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngave %v, want %q", text, err, want)
			return
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the password stands in the error: %v", err)
		}
	}
	f("kafka-users: ada", "line 1: kafka-users: expected names")
	f("kafka-users:\n  a b: {password: "+good+", may: read}", "line 2: kafka-users: a name must be")
	f("kafka-users:\n  a: {password: "+secret+", may: read}", "line 2: kafka-users: the password of a can't stand here: it is not written as")
	f("kafka-users:\n  a: {password: "+secret+", may: read}", "penstock config hash-password")
	f("kafka-users:\n  a: {password: ["+long+", "+long+"], may: read}", "a has two passwords for SCRAM-SHA-512")
	f("kafka-users:\n  a: {password: "+good+"}", "a needs a password and what the user may")
	f("kafka-users:\n  a: {may: read}", "a needs a password")
	f("kafka-users:\n  a: {password: "+good+", may: []}", "a needs a password")
	f("kafka-users:\n  a: {password: "+good+", may: rule}", `a may "rule", which is not one of read, write, admin`)
	f("kafka-users:\n  a: {pasword: "+good+", may: read}", "unknown key pasword; did you mean password?")
}
