package splunk

import (
	"bytes"
	"math/rand/v2"
	mime "mime/multipart"
	"slices"
	"strings"
	"testing"

	"penstock/wire"
)

func TestParameter(t *testing.T) {
	f := func(value, name, want string, wantOK bool) {
		t.Helper()
		got, ok := parameter([]byte(value), name, new(wire.Batch))
		if string(got) != want || ok != wantOK {
			t.Errorf("%s of %s: %q, %v; want %q, %v", name, value, got, ok, want, wantOK)
		}
	}
	f(``, "a", "", false)
	f(`a=1`, "a", "", false) // what stands before the first semicolon is no parameter
	f(`x;a=1`, "a", "1", true)
	f(`x; A = 1 `, "a", "1", true)
	f(`x;a=1;a=2`, "a", "1", true)
	f(`x;b=1;a=2`, "a", "2", true)
	f(`x;;b;a=2`, "a", "2", true)
	f(`x;a`, "a", "", false)
	f(`x;a;bb=2`, "b", "", false)
	f(`x;a=`, "a", "", true)
	f(`x;a=;b=1`, "a", "", true)
	f(`x;a=b=c`, "a", "b=c", true)
	f(`x;a=""`, "a", "", true)
	f(`x;a="1;b=2";b=3`, "b", "3", true)
	f(`x;a="\"";b=3`, "b", "3", true)
	f(`x;a="\"\\\";"`, "a", `"\";`, true)
	f(`x;a="c:\d\e"`, "a", `c:\d\e`, true)
	f(`x;a="1`, "a", "", false)
	f(`x;a="1;b=2`, "b", "", false)
	f(`x;a="1\"`, "a", "", false)
	f(`x;a="1\`, "a", "", false)
	f(`x;a="1" ; b=2`, "b", "2", true)
	f(`x;a="1"junk;b=2`, "b", "2", true)
	f("x;\r\n\ta=\r\n 1", "a", "1", true)
}

func TestFileName(t *testing.T) {
	f := func(disposition, want string) {
		t.Helper()
		got := fileName([]byte(disposition), new(wire.Batch))
		if string(got) != want || (got == nil) != (want == "") {
			t.Errorf("%s: %q, want %q", disposition, got, want)
		}
	}
	f(`form-data`, "")
	f(`form-data; filename=""`, "")
	f(`form-data; filename="/"`, "")
	f(`form-data; filename="a"`, "a")
	f(`form-data; filename="a/b"`, "b")
	f(`form-data; filename="a/b//"`, "b")
	f(`form-data; filename="../.."`, "..")
	f(`form-data; filename*=UTF-8''a%2Fb`, "b")
	f(`form-data; filename*=utf-8'en'%C3%A9`, "é")
	f(`form-data; filename*=iso-8859-1''%E9`, "")
	f(`form-data; filename*=UTF-8`, "")
	f(`form-data; filename="a"; filename*=UTF-8''b`, "a")
}

// Whatever files mime/multipart writes come out as they went in; and cut anywhere, the body is refused.
func TestMultipart_SurvivesTheTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	words := []string{"\r\n", "--", "-", "\r", "\n", "b", "bb", "\r\n--b", "\r\n--bb", "\r\n--bb-", "x", "\x00", "\xff", " ", "--bb\r\n", "--bb--"}
	for range 3000 {
		var want []string
		var body bytes.Buffer
		w := mime.NewWriter(&body)
		if err := w.SetBoundary("bbb"); err != nil {
			t.Fatal(err)
		}
		for range r.IntN(4) {
			var content strings.Builder
			for range r.IntN(12) {
				content.WriteString(words[r.IntN(len(words))])
			}
			if strings.Contains(content.String(), "\r\n--bbb") || strings.HasPrefix(content.String(), "--bbb") {
				continue
			}
			want = append(want, content.String())
			part, _ := w.CreateFormFile("upfile", "f")
			part.Write([]byte(content.String())) // to memory: it does not fail
		}
		w.Close()
		walk := func(body []byte) (got []string, code wire.Code) {
			m, ok := openMultipart([]byte(w.FormDataContentType()), body, new(wire.Batch))
			if !ok {
				return nil, wire.BadMultipart
			}
			for m.next() {
				got = append(got, string(m.content))
			}
			return got, m.code
		}
		whole := body.Bytes()
		if got, code := walk(whole); !slices.Equal(got, want) || code != wire.OK {
			t.Fatalf("%q: %v, %q; want %q", whole, code, got, want)
		}
		end := len(whole) - len("\r\n")
		if got, code := walk(whole[:end]); !slices.Equal(got, want) || code != wire.OK {
			t.Fatalf("%q: %v, %q; want %q", whole[:end], code, got, want)
		}
		cut := r.IntN(end)
		if got, code := walk(whole[:cut]); code == wire.OK {
			t.Fatalf("%q was cut and gives %q", whole[:cut], got)
		}
	}
}

// What a sender may write and mime/multipart does not: blanks behind a boundary, a part without headers, and one whose headers end where the next
// delimiter begins. A boundary within a line, or with anything else behind it, is none.
func TestMultipart_OddButSound(t *testing.T) {
	f := func(body string, want ...string) {
		t.Helper()
		for _, ending := range []string{"\r\n", "\n"} {
			m, ok := openMultipart([]byte("multipart/form-data; boundary=b"), []byte(strings.ReplaceAll(body, "|", ending)), new(wire.Batch))
			var got []string
			for ok && m.next() {
				got = append(got, strings.ReplaceAll(string(m.headers)+">"+string(m.content), ending, "|"))
			}
			if !ok || m.code != wire.OK || !slices.Equal(got, want) {
				t.Errorf("%s with %q: %v, %v, %q; want %q", body, ending, ok, m.code, got, want)
			}
		}
	}
	f("--b|h: 1||x|--b--", "h: 1|>x")
	f("--b \t|h: 1||x|--b \t |h: 2||y|--b-- |", "h: 1|>x", "h: 2|>y")
	f("--b||x|--b--", ">x")
	f("--b|h: 1||--b--", "h: 1|>")
	f("--b|h: 1||--b|h: 2||--b--|", "h: 1|>", "h: 2|>")
	f("--b|x|h: 1||y|--b--", "x|h: 1|>y")
	f("--b|h: 1||x|--b x|y|--b--", "h: 1|>x|--b x|y")
	f("before|--bb|--b|h: 1||x|--b--|after", "h: 1|>x")
	f("abc|--b|h: 1||x|--b--", "h: 1|>x") // as long as the delimiter
	f("x--b|--b|h: 1||x|--b--", "h: 1|>x")
	f("--b--")
}

// What is no multipart body, and what is one within its bounds and beyond them.
func TestMultipart_Refused(t *testing.T) {
	walk := func(contentType, boundary, headers string) bool {
		body := "--" + boundary + "\r\n" + headers + "\r\nx\r\n--" + boundary + "--"
		m, ok := openMultipart([]byte(contentType+boundary), []byte(body), new(wire.Batch))
		return ok && m.next() && string(m.content) == "x" && !m.next() && m.code == wire.OK
	}
	const form = "multipart/form-data; boundary="
	header := func(size int) string { return "h: " + strings.Repeat("x", size-len("h: \r\n")) + "\r\n" }
	for _, c := range []struct {
		contentType, boundary, headers string
		want                           bool
	}{
		{form, "b", "h: 1\r\n", true},
		{"Multipart/Form-Data ;boundary=", "b", "h: 1\r\n", true},
		{"multipart/mixed; boundary=", "b", "h: 1\r\n", false},
		{"text/plain; boundary=", "b", "h: 1\r\n", false},
		{form, "", "h: 1\r\n", false},
		{form, strings.Repeat("b", boundaryMost), "h: 1\r\n", true},
		{form, strings.Repeat("b", boundaryMost+1), "h: 1\r\n", false},
		{form, "b", header(headersMost), true},
		{form, "b", header(headersMost + 1), false},
	} {
		if walk(c.contentType, c.boundary, c.headers) != c.want {
			t.Errorf("%s%s with %d bytes of headers: want %v", c.contentType, c.boundary, len(c.headers), c.want)
		}
	}
}

// A file with a zero byte, wherever it is, or one that is no UTF-8 is no text: it is kept in base64.
func TestFiles_Binary(t *testing.T) {
	for content, want := range map[string]string{"abc": `"body":"abc"`, "é": `"body":"é"`, "\x00ab": `"body":"AGFi"`, "ab\x00": `"body":"YWIA"`, "\xff": `"body":"/w=="`} {
		b := new(wire.Batch)
		if got := string(fileEvent([]byte("f"), []byte(content), 1, wire.Source{Wire: "w"}, b)); !strings.Contains(got, want) {
			t.Errorf("%q is kept as %s, want %s", content, got, want)
		}
	}
}

// Each part of the name upfile is counted and becomes a record; the first one's name is told.
func TestFiles_AreCounted(t *testing.T) {
	part := func(name, file string) string {
		return "--b\r\nContent-Disposition: form-data; name=" + name + "; filename=" + file + "\r\n\r\nx\r\n"
	}
	b := new(wire.Batch)
	body := part("other", "zero") + part("upfile", "one") + part("upfile", "two") + part("upfile", "three") + "--b--"
	fault := new(filesParser).Parse(files("multipart/form-data; boundary=b", body), b)
	if fault != nil || b.Items != 3 || len(b.Records) != 3 || string(b.Echo) != "one" {
		t.Errorf("%v, %d files, %d records, %q", fault, b.Items, len(b.Records), b.Echo)
	}
}

// Bodies that are all delimiters, or nearly, are read in no time.
func TestMultipart_Hostile(t *testing.T) {
	for _, boundary := range []string{"-", "b", strings.Repeat("-", boundaryMost), `" "`, `"- -"`, strings.Repeat("ab", 35)} {
		bare := strings.Trim(boundary, `"`)
		for _, each := range []string{"-", "\r\n--", "\r\n--" + bare, "\r\n--" + bare + " ", "\n--" + bare + "-", "--" + bare, "\r", "\n", " ",
			"\r\n--" + bare + "\r\n", "\r\n--" + bare + "\r\n\r\n"} {
			body := "--" + bare + "\r\n\r\n" + strings.Repeat(each, MaxBody/len(each)-100)
			var b wire.Batch
			if fault := new(filesParser).Parse(files("multipart/form-data; boundary="+boundary, body), &b); fault == nil || len(b.Records) > 0 {
				t.Errorf("boundary %q, %q: %v with %d records", boundary, each, fault, len(b.Records))
			}
		}
	}
}
