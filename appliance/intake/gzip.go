package intake

import (
	"bytes"

	"github.com/klauspost/compress/gzip"
)

// gzipLeast is the shortest body that is compressed: below it gzip's own header is more than it saves.
const gzipLeast = 23

// acceptsGzip reads an Accept-Encoding. "gzip;q=0" and its spellings are a refusal.
func acceptsGzip(accept []byte) bool {
	for len(accept) > 0 {
		var item []byte
		item, accept, _ = bytes.Cut(accept, []byte(","))
		coding, quality, _ := bytes.Cut(item, []byte(";"))
		coding = bytes.TrimSpace(coding)
		if !bytes.EqualFold(coding, []byte("gzip")) && !bytes.EqualFold(coding, []byte("x-gzip")) {
			continue
		}
		q, found := bytes.CutPrefix(bytes.TrimSpace(quality), []byte("q="))
		return !found || len(bytes.Trim(q, "0.")) > 0
	}
	return false
}

// gzip compresses a reply's body; it is valid until the worker's next.
func (w *worker) gzip(body []byte) []byte {
	w.zipped.Reset()
	if w.zip == nil {
		w.zip = gzip.NewWriter(&w.zipped)
	} else {
		w.zip.Reset(&w.zipped)
	}
	// Writing to memory does not fail.
	_, _ = w.zip.Write(body)
	_ = w.zip.Close()
	return w.zipped.Bytes()
}
