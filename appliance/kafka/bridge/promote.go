package bridge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"

	"penstock/appliance/shard"
)

// promotion is a topic on its way to a cluster, there, or on its way back.
type promotion struct {
	b     *Bridge
	topic *shard.Topic
	t     *target

	trouble atomic.Pointer[error] // of the last try
	stop    context.CancelFunc
	ended   chan struct{}

	mu sync.Mutex
	at Promotion
}

// Errors of Promote and Demote that are the caller's.
var (
	ErrUnknownTopic = errors.New("there is no such topic")
	ErrElsewhere    = errors.New("it is elsewhere already")
	ErrNotPromoted  = errors.New("no cluster keeps the topic")
)

// Promote begins to bring a topic to a cluster that is to keep it, or does nothing when that was begun before.
func (b *Bridge) Promote(name, to string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	topic, ok := b.set.Topic(name)
	switch at, promoted := b.o.Promotions.get(name); {
	case !ok:
		return ErrUnknownTopic
	case name[0] == '_':
		return errors.New("a topic of the appliance's own stays here")
	case b.o.Log != "":
		return fmt.Errorf("%w: the cluster at %s keeps every topic (log)", ErrElsewhere, b.o.Log)
	case promoted && at.To != to:
		return fmt.Errorf("%w: on its way to %s or kept there (%s); demote it first", ErrElsewhere, at.To, at.Stage)
	case promoted && at.Stage == Returning:
		return fmt.Errorf("%w: it is on its way back from %s; let that finish first", ErrElsewhere, at.To)
	case promoted:
		return nil
	}
	if _, err := ParseAddress(to); err != nil {
		return err
	}
	topic.Spool(true)
	at := Promotion{To: to, Stage: Shipping, Shards: make([]PromotedShard, len(topic.Logs()))}
	for i := range at.Shards {
		at.Shards[i].First = -1 // not known yet
	}
	if err := b.o.Promotions.put(name, at); err != nil {
		topic.Spool(false)
		return err
	}
	err := b.startPromotion(name, at)
	if err != nil { // its address can't be used: as if nothing had been asked
		topic.Spool(false)
		err = errors.Join(err, b.o.Promotions.remove(name))
	}
	return err
}

// Demote begins to bring a topic back, or does nothing when that was begun before.
func (b *Bridge) Demote(name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.promotions[name]
	if _, ok := b.set.Topic(name); !ok {
		return ErrUnknownTopic
	}
	if p == nil {
		return ErrNotPromoted
	}
	return p.demote()
}

// PromotionStatus is how far a promotion is.
type PromotionStatus struct {
	Promotion
	Error string `json:"error,omitempty"` // of the last try; the next comes soon
	// Shipped and Proven are records, of the Total that the topic has had since the oldest one that was kept at the beginning.
	Total   int64 `json:"total"`
	Shipped int64 `json:"shipped"`
	Proven  int64 `json:"proven"`
}

// Promotion tells how far a topic's promotion is; false when it has none.
func (b *Bridge) Promotion(name string) (PromotionStatus, bool) {
	b.mu.Lock()
	p := b.promotions[name]
	b.mu.Unlock()
	if p == nil {
		return PromotionStatus{}, false
	}
	p.mu.Lock()
	st := PromotionStatus{Promotion: p.at}
	st.Shards = append([]PromotedShard(nil), p.at.Shards...)
	p.mu.Unlock()
	if err := p.trouble.Load(); err != nil {
		st.Error = (*err).Error()
	} else {
		st.Error = p.t.status().Error
	}
	for i, log := range p.topic.Logs() {
		first := max(st.Shards[i].First, 0)
		at, _ := p.t.positions.get(name, i)
		st.Total += log.Next() - first
		st.Shipped += max(at.Next-first, 0)
		st.Proven += max(st.Shards[i].Proven-first, 0)
	}
	return st, true
}

// startPromotion goes on with a promotion. The caller holds mu, or nobody else is there yet.
func (b *Bridge) startPromotion(name string, at Promotion) error {
	topic, ok := b.set.Topic(name)
	if !ok {
		return nil // it can't be opened now; see Bridge.resume
	}
	t, err := b.open("promote:"+name, promotionFile(name, at.To), Forward{To: at.To})
	if err != nil {
		return fmt.Errorf("promotion of %s: %w", name, err)
	}
	t.wants = func(topic string) bool { return topic == name }
	t.spooled.Store(at.Stage == Promoted)
	ctx, stop := context.WithCancel(context.Background())
	p := &promotion{b: b, topic: topic, t: t, stop: stop, ended: make(chan struct{}), at: at}
	b.promotions[name] = p
	if at.Stage != Returning {
		topic.Spool(true)
	}
	t.reconcile(b.set)
	go p.run(ctx)
	return nil
}

// run takes the promotion to its next rest: promoted, or back. What goes wrong is tried again.
func (p *promotion) run(ctx context.Context) {
	defer close(p.ended)
	for ctx.Err() == nil {
		var err error
		switch p.stage() {
		case Shipping:
			err = p.ship(ctx)
		case Returning:
			if err = p.giveBack(ctx); err == nil {
				return
			}
		default:
			return
		}
		if err == nil {
			p.trouble.Store(nil)
			continue
		}
		if ctx.Err() == nil {
			p.trouble.Store(&err)
			p.t.cluster.doubt(p.topic.Name()) // it may be that another broker leads now
			p.b.o.Logger.Warn("a promotion is held up, and goes on", "topic", p.topic.Name(), "to", p.t.to.String(), "stage", p.stage(), "error", err)
		}
		_ = sleep(ctx, promoteAgain)
	}
}

func (p *promotion) stage() Stage {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at.Stage
}

// change changes what is known of the promotion; on disk, too, before it returns nil.
func (p *promotion) change(do func(at *Promotion)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.at
	p.at.Shards = append([]PromotedShard(nil), before.Shards...)
	do(&p.at)
	err := p.b.o.Promotions.put(p.topic.Name(), p.at)
	if err != nil {
		p.at = before
	}
	return err
}

func (p *promotion) shards() []PromotedShard {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]PromotedShard(nil), p.at.Shards...)
}

// ship proves what the shippers bring, until all is proven that was there when they had caught up. Then it switches.
func (p *promotion) ship(ctx context.Context) error {
	if err := p.begin(ctx); err != nil {
		return err
	}
	shards := p.shards()
	from := make([]int64, len(shards))
	proofs := make([]*proof, len(shards))
	for i := range shards {
		from[i] = shards[i].At
		proofs[i] = &proof{shard: i, next: shards[i].Proven, cursor: p.topic.Logs()[i].Cursor(shards[i].Proven)}
		defer proofs[i].cursor.Close()
	}
	r, err := p.t.read(p.topic.Name(), from)
	if err != nil {
		return err
	}
	defer r.close()
	var marks []int64
	for {
		if marks == nil && p.t.caughtUp() {
			marks = p.ends()
		}
		if marks != nil && reached(shards, marks) {
			return p.switchOver()
		}
		fetches, err := r.next(ctx)
		if err != nil {
			return err
		}
		if err := p.prove(fetches, proofs, shards); err != nil {
			return err
		}
	}
}

// begin waits until every shard's shipper has begun, and notes where.
func (p *promotion) begin(ctx context.Context) error {
	for {
		known := true
		shards := p.shards()
		for i := range shards {
			if shards[i].First >= 0 {
				continue
			}
			at, ok := p.t.positions.get(p.topic.Name(), i)
			if !ok {
				known = false
				continue
			}
			shards[i] = PromotedShard{First: at.First, Proven: at.First, At: at.Start, Begin: at.Start}
			if p.topic.Logs()[i].First() > at.First { // an earlier promotion has brought what is gone here since
				shards[i] = PromotedShard{First: at.AtNext, Proven: at.AtNext, At: at.At, Begin: at.At}
			}
		}
		if known {
			return p.change(func(at *Promotion) { at.Shards = shards })
		}
		if err := sleep(ctx, promoteLook); err != nil {
			return err
		}
	}
}

// prove compares what came from the cluster with the logs. What others brought there is none of ours.
func (p *promotion) prove(fetches kgo.Fetches, proofs []*proof, shards []PromotedShard) error {
	var err error
	any := false
	fetches.EachRecord(func(r *kgo.Record) {
		i := int(r.Partition)
		if err != nil || i >= len(proofs) {
			return
		}
		any = true
		if p.isOurs(i, r) {
			if err = proofs[i].check(r); err != nil {
				return
			}
		}
		shards[i].Proven, shards[i].At = proofs[i].next, r.Offset+1
	})
	if !any && err == nil {
		return nil
	}
	spools := p.topic.Spools()
	for i := range spools {
		spools[i].Drained(shards[i].Proven)
	}
	return errors.Join(err, p.change(func(at *Promotion) { at.Shards = append(at.Shards[:0], shards...) }))
}

// isOurs is whether a record in the cluster was brought there by this promotion.
func (p *promotion) isOurs(i int, r *kgo.Record) bool {
	at, _ := p.t.positions.get(p.topic.Name(), i)
	if r.ProducerID == at.ID {
		return true
	}
	for _, past := range at.Past {
		if r.ProducerID == past {
			return true
		}
	}
	return false
}

func (p *promotion) ends() []int64 {
	ends := make([]int64, len(p.topic.Logs()))
	for i, log := range p.topic.Logs() {
		ends[i] = log.Synced()
	}
	return ends
}

func reached(shards []PromotedShard, marks []int64) bool {
	for i := range shards {
		if shards[i].Proven < marks[i] {
			return false
		}
	}
	return true
}

// switchOver makes the cluster the topic's keeper.
func (p *promotion) switchOver() error {
	if err := p.change(func(at *Promotion) { at.Stage = Promoted }); err != nil {
		return err
	}
	p.t.spooled.Store(true)
	p.t.restart(p.b.set)
	p.b.o.Logger.Info("a cluster keeps the topic now", "topic", p.topic.Name(), "to", p.t.to.String())
	return nil
}
