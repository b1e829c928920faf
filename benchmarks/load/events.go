package main

import (
	"fmt"
	"math"
	"strconv"

	"penstock/benchmarks/splitmix"
)

// workload says what events there are. An event is known by its topic, its key and its place among the key's events, and those three with
// the seed make it byte for byte: so whoever reads one back can make it again and compare.
type workload struct {
	Seed     uint64
	Topics   int
	Keys     int // in each topic
	SizeMin  int // bytes of an event
	SizeMax  int
	name     func(topic int) string
	sizeSpan float64
}

func newWorkload(seed uint64, topics, keys, sizeMin, sizeMax int) *workload {
	w := &workload{Seed: seed, Topics: topics, Keys: keys, SizeMin: sizeMin, SizeMax: sizeMax}
	w.name = func(topic int) string { return "load-" + strconv.Itoa(topic) }
	w.sizeSpan = math.Log(float64(sizeMax) / float64(sizeMin))
	return w
}

func (w *workload) validate() error {
	switch {
	case w.Topics < 1 || w.Topics > 1000:
		return fmt.Errorf("--topics must be 1 to 1000, not %d", w.Topics)
	case w.Keys < 1 || w.Keys > 1<<20:
		return fmt.Errorf("--keys must be 1 to %d, not %d", 1<<20, w.Keys)
	case w.SizeMin < smallestEvent || w.SizeMax < w.SizeMin || w.SizeMax > 1<<19:
		return fmt.Errorf("--sizes must be MIN-MAX with %d ≤ MIN ≤ MAX ≤ %d", smallestEvent, 1<<19)
	}
	return nil
}

// smallestEvent is the size below which the members that every event has do not fit.
const smallestEvent = 50

// epoch is the event time of the first events: 2026-01-01.
const epoch = 1767225600000

// eventTime is an event's time, ms. Times of a key grow, as a sender's do.
func eventTime(key int, seq int64) int64 { return epoch + 40*seq + int64(key%37) }

// appendKey appends the shard key's text.
func appendKey(dst []byte, key int) []byte {
	return strconv.AppendInt(append(dst, 'u'), int64(key), 10)
}

// appendEvent appends an event, as a product's pages send them: the smallest are bare, the next say what happened, larger ones where and
// to whom, and the rest of a large one is text.
func (w *workload) appendEvent(dst []byte, topic, key int, seq int64) []byte {
	r := splitmix.Mix(w.Seed ^ splitmix.Mix(uint64(topic)<<40^uint64(key)<<20^0x9e3779b97f4a7c15) ^ splitmix.Mix(uint64(seq)))
	start := len(dst)
	limit := start + w.size(r) - len("}")
	dst = append(dst, `{"ts":`...)
	dst = strconv.AppendInt(dst, eventTime(key, seq), 10)
	dst = append(dst, `,"sk":"`...)
	dst = appendKey(dst, key)
	dst = append(dst, `","seq":`...)
	dst = strconv.AppendInt(dst, seq, 10)
	for n := range members {
		before := len(dst)
		if dst = appendMember(dst, n, r); len(dst) > limit {
			dst = dst[:before]
			break
		}
	}
	const head, tail = `,"t":"`, `"`
	if fill := limit - len(dst) - len(head) - len(tail); fill > 0 {
		dst = append(dst, head...)
		dst = appendText(dst, r, fill)
		dst = append(dst, tail...)
	}
	return append(dst, '}')
}

// members is how many kinds of members appendMember knows.
const members = 6

// appendMember appends the nth member that an event may have beside those that all have.
func appendMember(dst []byte, n int, r uint64) []byte {
	switch n {
	case 0:
		dst = append(dst, `,"event":"`...)
		dst = append(dst, eventNames[r%uint64(len(eventNames))]...)
		return append(dst, '"')
	case 1:
		dst = strconv.AppendUint(append(dst, `,"ms":`...), r%1_000_000/1000, 10)
		return strconv.AppendUint(append(dst, '.'), 1+r%9, 10)
	case 2:
		dst = strconv.AppendUint(append(dst, `,"url":"https://shop.example/p/`...), r>>40, 10)
		return append(dst, `?ref=mail&x=%2F"`...)
	case 3:
		return append(dst, `,"ok":true,"ref":null`...)
	case 4:
		return append(dst, agents[(r>>8)%uint64(len(agents))]...)
	default:
		return append(dst, `,"props":{"cart":[1,2.5,-3e2],"plan":"pro","n":{"deep":{"er":[]}}}`...)
	}
}

// size draws an event's size: small ones are much more frequent, the mean of 50 to 8192 is about 600.
func (w *workload) size(r uint64) int {
	u := float64(r>>11) / (1 << 53)
	return int(float64(w.SizeMin) * math.Exp(w.sizeSpan*u*u*u))
}

var eventNames = []string{"page view", "add to cart", "checkout", "search", "sign in", "größer", "購入", `say \"hi\"`, `line\nbreak`, `\u00e9\ud83d\ude00`}

var agents = []string{
	`,"ua":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"`,
	`,"ua":"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"`,
	`,"ua":"okhttp/4.12.0"`,
}

// text is what fills events up: words, escapes and characters outside ASCII, cut only where a character begins.
var text, textCuts = func() (string, []int) {
	const words = `the quick brown fox jumps over the lazy dog; größer Straße naïve café 東京 データ \"quoted\" back\\slash tab\t 12345.678 `
	var all string
	for len(all) < 1<<16 {
		all += words
	}
	var cuts []int
	for i := 0; i < len(words); i++ {
		if i == 0 || words[i-1] == ' ' {
			cuts = append(cuts, i)
		}
	}
	return all, cuts
}()

// appendText appends about n bytes of text, whole words.
func appendText(dst []byte, r uint64, n int) []byte {
	from := textCuts[r%uint64(len(textCuts))]
	for n > 0 {
		piece := text[from:]
		if n >= len(piece) {
			dst = append(dst, piece...)
			n -= len(piece)
			from = 0
			continue
		}
		end := n
		for end > 0 && piece[end-1] != ' ' {
			end--
		}
		dst = append(dst, piece[:end]...)
		for range n - end { // what is left is too short for the next word
			dst = append(dst, '.')
		}
		n = 0
	}
	return dst
}
