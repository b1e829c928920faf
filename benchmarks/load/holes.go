package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// hole is offsets [first, next) of a shard where no record is. Behind a power cut a log may have some, if it says so itself: what was not
// acknowledged is lost there, and what stands behind it need not be. That none of it was acknowledged is for the keys' accounts to say.
type hole struct{ first, next int64 }

// jump notes that a record stands at an offset where another one was due. Whether that may be is known at the page's end.
func (v *verifier) jump(topic, shard int, due, offset int64) (ok bool) {
	if !v.holesMayBe || offset < due {
		v.problem("%s/%d: offset %d where %d is due", v.w.name(topic), shard, offset, due)
		return due <= offset && offset <= due+1_000_000
	}
	v.jumps = append(v.jumps, hole{due, offset})
	return true
}

// trailers holds the server to what it says about the page itself. The fields are trailers of a long page and headers of a short one.
func (v *verifier) trailers(url string, r *http.Response, id shardID, seen *shardSeen) error {
	var told []hole
	for _, fields := range []http.Header{r.Header, r.Trailer} {
		if lost := fields.Get("Penstock-Lost"); lost != "" {
			told = append(told, v.lost(url, id, lost)...)
		}
		if text := fields.Get("Penstock-Error"); text != "" {
			return fmt.Errorf("%s: %s", url, text)
		}
	}
	for _, h := range told {
		if h.first == seen.next { // no record stands behind it on this page
			v.jumps = append(v.jumps, h)
			seen.next = h.next
		}
		if !slices.Contains(v.jumps, h) && v.holesMayBe {
			v.problem("%s: the server says that it lost offsets %d to %d, and that is not so", url, h.first, h.next-1)
		}
	}
	for _, h := range v.jumps {
		v.hole(id, h, told)
	}
	v.jumps = v.jumps[:0]
	return nil
}

// lost reads what the server says that it lost of a shard, and is content with that only where holes may be.
func (v *verifier) lost(url string, id shardID, text string) (told []hole) {
	for part := range strings.SplitSeq(text, ", ") {
		var shard int
		var h hole
		var why string
		_, err := fmt.Sscanf(part, "%d:%d-%d %s", &shard, &h.first, &h.next, &why)
		if err != nil || shard != id.shard || why != "damaged" || !v.holesMayBe {
			v.problem("%s: the server says that it lost %s", url, part)
		}
		if n := len(told); n > 0 && told[n-1].next == h.first { // two lives in a row left nothing in between
			told[n-1].next = h.next
			continue
		}
		told = append(told, h)
	}
	return told
}

// hole takes a hole for one if the server has told it and nobody has ever seen a record there.
func (v *verifier) hole(id shardID, h hole, told []hole) {
	name := fmt.Sprintf("%s/%d", v.w.name(id.topic), id.shard)
	if !slices.Contains(told, h) {
		v.problem("%s: offset %d where %d is due, and the server does not say why", name, h.next, h.first)
	}
	if s := v.saw[id]; s != nil && s.from < h.next && h.first < s.next() {
		v.problem("%s: there is no record at offsets %d to %d, and a reader has seen what is below offset %d", name, h.first, h.next-1, s.next())
	}
	v.Holes++
}
