package scram

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// vector is an exchange as an RFC prints it.
type vector struct {
	hash                                          Hash
	salt, nonce, first, challenge, final, success string
}

// RFC 7677, section 3: the user is user, the password pencil.
var rfc7677 = vector{SHA256, "W22ZaJ0SNY7soEsUEjb6gQ==", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
	"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
	"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
	"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="}

// open begins the vector's exchange, with the password that is given.
func (v vector) open(t *testing.T, password string) *Exchange {
	t.Helper()
	salt, err := base64.StdEncoding.DecodeString(v.salt)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := New(v.hash, []byte(password), salt, 4096)
	if err != nil {
		t.Fatal(err)
	}
	x := Begin(v.hash, func(name string) (Verifier, bool) { return kept, name == "user" })
	x.nonce = v.nonce
	return x
}

func TestVector(t *testing.T) {
	x := rfc7677.open(t, "pencil")
	answer, done, err := x.Next([]byte(rfc7677.first))
	if err != nil || done || string(answer) != rfc7677.challenge {
		t.Fatalf("%s, %v, %v", answer, done, err)
	}
	answer, done, err = x.Next([]byte(rfc7677.final))
	if err != nil || !done || string(answer) != rfc7677.success || x.User() != "user" {
		t.Fatalf("%s, %v, %v, %q", answer, done, err, x.User())
	}
	if _, done, err := x.Next([]byte(rfc7677.final)); done || !errors.Is(err, ErrRefused) {
		t.Errorf("the proof counts twice: %v, %v", done, err)
	}
}

// librdkafka's own nonce stands twice in its last message.
func TestNonceTwice(t *testing.T) {
	x := rfc7677.open(t, "pencil")
	challenge, _, err := x.Next([]byte(rfc7677.first))
	if err != nil {
		t.Fatal(err)
	}
	said := strings.TrimPrefix(rfc7677.first, "n,,") + "," + string(challenge)
	final := "c=biws,r=rOprNGfwEbeRWgbNEkqO" + strings.TrimPrefix(strings.Split(string(challenge), ",")[0], "r=")
	salted, err := pbkdf2.Key(SHA256.new, "pencil", x.verifier.Salt, 4096, SHA256.size())
	if err != nil {
		t.Fatal(err)
	}
	proof := SHA256.mac(salted, []byte("Client Key"))
	subtle.XORBytes(proof, proof, SHA256.mac(x.verifier.Stored, []byte(said+","+final)))
	if _, done, err := x.Next([]byte(final + ",p=" + encode(proof))); err != nil || !done {
		t.Errorf("%v, %v", done, err)
	}
}

// What is no first message, or asks for what is not offered, is refused.
func TestFirstRefused(t *testing.T) {
	for _, message := range []string{
		"", ",", ",,", "n", "n,", "n,,", "n,,n=user", "n,,n=,r=a", "n,,r=a,n=user", "n,,n=user,r=", "n,,n=user,r=a b", "n,,n=user,r=ö",
		"p=tls-unique,,n=user,r=a", "x,,n=user,r=a", "n,,m=x,n=user,r=a", "n,a=other,n=user,r=a", "n,user,n=user,r=a", "n,,n=us=er,r=a", "n,,n=us=2cer,r=a",
		"n,,n=user,r=a,tokenauth=true", "n,,n=user,r=a\x00", strings.Repeat("n", messageMax+1),
	} {
		x := rfc7677.open(t, "pencil")
		if answer, done, err := x.Next([]byte(message)); !errors.Is(err, ErrRefused) || done || answer != nil {
			t.Errorf("%.40q: %q, %v, %v", message, answer, done, err)
		}
		if _, done, err := x.Next([]byte(rfc7677.first)); !errors.Is(err, ErrRefused) || done {
			t.Errorf("%.40q: it may begin again: %v", message, err)
		}
	}
	for _, message := range []string{"n,,n=a=2Cb=3D,r=a", "y,,n=a=2Cb=3D,r=a", "n,a=a=2Cb=3D,n=a=2Cb=3D,r=a,x=y"} {
		x := rfc7677.open(t, "pencil")
		if _, _, err := x.Next([]byte(message)); err != nil || x.User() != "a,b=" {
			t.Errorf("%q: %v, %q", message, err, x.User())
		}
	}
}

// A proof that is not this exchange's is refused, also one that was right in another.
func TestFinalRefused(t *testing.T) {
	good := rfc7677.final
	nonces := strings.TrimPrefix(strings.Split(good, ",")[1], "r=")
	for _, c := range []struct{ name, password, message string }{
		{"another password", "pen", good},
		{"no proof", "pencil", good[:strings.Index(good, ",p=")]},
		{"half a proof", "pencil", good[:len(good)-9] + "="},
		{"no base64", "pencil", good[:len(good)-4] + "!!!="},
		{"a line end in the proof", "pencil", good[:len(good)-4] + "\r\n" + good[len(good)-4:]},
		{"another nonce", "pencil", strings.Replace(good, nonces, nonces+"x", 1)},
		{"the nonces in librdkafka's way, without a proof of that", "pencil", strings.Replace(good, nonces, "rOprNGfwEbeRWgbNEkqO"+nonces, 1)},
		{"the client's nonce alone", "pencil", strings.Replace(good, nonces, "rOprNGfwEbeRWgbNEkqO", 1)},
		{"another channel", "pencil", strings.Replace(good, "c=biws", "c=eSws", 1)},
		{"something behind the proof", "pencil", good + ",x=y"},
		{"something before it", "pencil", strings.Replace(good, ",p=", ",x=y,p=", 1)},
		{"the first message again", "pencil", rfc7677.first},
		{"nothing", "pencil", ""},
	} {
		x := rfc7677.open(t, c.password)
		if _, _, err := x.Next([]byte(rfc7677.first)); err != nil {
			t.Fatal(err)
		}
		if answer, done, err := x.Next([]byte(c.message)); !errors.Is(err, ErrRefused) || done || answer != nil {
			t.Errorf("%s: %q, %v, %v", c.name, answer, done, err)
		}
		if _, done, err := x.Next([]byte(good)); !errors.Is(err, ErrRefused) || done {
			t.Errorf("%s: there is a second try", c.name)
		}
	}
	x := Begin(SHA256, func(string) (Verifier, bool) { return rfc7677.open(t, "pencil").find("user") })
	if _, _, err := x.Next([]byte(rfc7677.first)); err != nil {
		t.Fatal(err)
	}
	if _, done, err := x.Next([]byte(good)); !errors.Is(err, ErrRefused) || done {
		t.Errorf("another exchange's proof counts: %v", err)
	}
}

// Even with the sham's own password nobody is let in who is not there.
func TestUnknownUser(t *testing.T) {
	salt, _ := base64.StdEncoding.DecodeString(rfc7677.salt)
	kept, err := New(SHA256, []byte("pencil"), salt, 4096)
	if err != nil {
		t.Fatal(err)
	}
	x := Begin(SHA256, func(string) (Verifier, bool) { return kept, false })
	x.nonce = rfc7677.nonce
	if answer, _, err := x.Next([]byte(rfc7677.first)); err != nil || string(answer) != rfc7677.challenge {
		t.Fatalf("%s, %v", answer, err)
	}
	if _, done, err := x.Next([]byte(rfc7677.final)); done || !errors.Is(err, ErrRefused) {
		t.Errorf("%v, %v", done, err)
	}
}

func TestSham(t *testing.T) {
	one, again, other := Sham(SHA512, "a", []byte("s"), 5000, 16), Sham(SHA512, "a", []byte("s"), 5000, 16), Sham(SHA512, "b", []byte("s"), 5000, 16)
	if one.String() != again.String() || bytes.Equal(one.Salt, other.Salt) || bytes.Equal(one.Stored, one.Server) || bytes.Equal(one.Stored, other.Stored) {
		t.Errorf("%s\n%s\n%s", &one, &again, &other)
	}
	if _, err := Parse(one.String()); err != nil { // it looks like any other
		t.Error(err)
	}
}

// TestVerifierReadsBack: what is written reads back the same, and knows its password and no other.
func TestVerifierReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := rapid.SampledFrom(Hashes).Draw(t, "hash")
		password := rapid.SliceOfN(rapid.Byte(), 1, 80).Draw(t, "password")
		salt := rapid.SliceOfN(rapid.Byte(), saltMin, saltMax).Draw(t, "salt")
		v, err := New(h, password, salt, RoundsMin)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Parse(v.String())
		if err != nil || back.String() != v.String() {
			t.Fatalf("%s: %v, %s", &v, err, &back)
		}
		if !back.Is(password) || back.Is(append(password, 'x')) {
			t.Fatal("it does not know its password from another")
		}
	})
}

func TestParseRefuses(t *testing.T) {
	v, err := New(SHA256, []byte("p"), make([]byte, saltMin), RoundsMin)
	if err != nil {
		t.Fatal(err)
	}
	good := v.String()
	for _, c := range []struct{ text, want string }{
		{"", "not written as"},
		{"hunter2-the-password", "not written as"},
		{good + "$", "not written as"},
		{strings.Replace(good, "256", "1", 1), "begins with neither"},
		{strings.Replace(good, "4096", "4095", 1), "rounds"},
		{strings.Replace(good, "4096", "1000001", 1), "rounds"},
		{strings.Replace(good, "4096", "x", 1), "rounds"},
		{strings.Replace(good, "4096", "+4096", 1), "rounds"},
		{strings.Replace(good, "4096", "04096", 1), "rounds"},
		{strings.Replace(good, "AAAAAAAAAAA=", "AAAAAAAAAA==", 1), "length"},
		{strings.Replace(good, "AAAAAAAAAAA=", "AAAAAAAAAAB=", 1), "base64"},
		{strings.Replace(good, "AAAAAAAAAAA=", "AAAA\rAAAAAAA=", 1), "base64"},
		{good + "\n", "base64"},
		{strings.Replace(good, "SHA-256", "SHA-512", 1), "length"},
		{good[:len(good)-4], "length"},
	} {
		_, err := Parse(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the password stands in %v", err)
		}
	}
}
