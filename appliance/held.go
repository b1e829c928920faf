package appliance

// Held is what the logs hold.
type Held struct {
	Topics, Shards int
	Records        int64 // that can be read, all shards together
}

// Held counts what the logs hold, after a start what was recovered.
func (a *Appliance) Held() (h Held) {
	set := a.set.Load()
	if set == nil {
		return h
	}
	h.Topics = len(set.Topics())
	for _, s := range set.Stats().Shards {
		h.Shards++
		h.Records += s.Readable - s.First
	}
	return h
}
