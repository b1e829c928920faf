package main

import "fmt"

// settle holds the accounts against what was found, when everything was read, and closes them.
func (v *verifier) settle() {
	parts := map[part]*outcome{}
	for topic := range v.keys {
		anyExpired := v.anyExpired(topic)
		for key := range v.keys[topic] {
			k, a := &v.keys[topic][key], &v.book.accounts[topic][key]
			if k.expect < a.next && (k.shard >= 0 || !anyExpired) && !a.miss(k.expect, a.next) {
				v.problem("%s: key u%d, events %d to %d were sent, and not all of them may be missing", v.w.name(topic), key, k.expect, a.next-1)
			}
			k.expect = a.next // none of them may turn up later
			for _, r := range a.open {
				v.note(parts, part{r.Request, k.shard}, topic, key, r)
			}
			kept, lost := a.close()
			v.book.keptEvents += kept
			v.book.lostEvents += lost
		}
	}
}

// part is what a request of unknown fate has in one shard.
type part struct {
	request int64
	shard   int
}

// outcome is what became of a part: one event that was found, or one that is missing, and whether both were met.
type outcome struct {
	missing bool
	said    bool
}

// note holds a key's part of a request against its other keys' in the same shard. A key that was never seen has no shard we know.
func (v *verifier) note(parts map[part]*outcome, p part, topic, key int, r reach) {
	if p.shard < 0 {
		return
	}
	o := parts[p]
	if o == nil {
		parts[p] = &outcome{missing: r.missing}
		return
	}
	if o.missing != r.missing && !o.said {
		o.said = true
		v.problem("%s/%d: a request is there in part: key u%d, events %d to %d, differs from another of its keys", v.w.name(topic), p.shard, key, r.From, r.To-1)
	}
}

func (v *verifier) anyExpired(topic int) bool {
	for id, seen := range v.shards {
		if id.topic == topic && seen.expired {
			return true
		}
	}
	return false
}

// changed compares what another verifier reads now with what this one read then, and tells the first difference; "" when there is none.
// Both have read to the same ends; stretches of which retention removed a part are not compared.
func (v *verifier) changed(now *verifier) string {
	for id, then := range v.shards {
		name := fmt.Sprintf("%s/%d", v.w.name(id.topic), id.shard)
		again := now.shards[id]
		if again == nil {
			if then.next > 0 {
				return name + " is not there any more"
			}
			continue
		}
		if again.next != then.next {
			return fmt.Sprintf("%s was verified up to offset %d, and now ends at %d", name, then.next, again.next)
		}
		whole := (max(then.began, again.began) + stretch - 1) / stretch
		for i := whole; i < int64(len(then.sums)); i++ {
			if then.sums[i] != again.sums[i] {
				return fmt.Sprintf("%s: a record at offsets %d to %d changed after it was verified", name, i*stretch, min((i+1)*stretch, then.next)-1)
			}
		}
	}
	return ""
}
