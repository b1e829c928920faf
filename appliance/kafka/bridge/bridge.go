package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"penstock/appliance/shard"
	"penstock/segstore/disk"
)

// Options says what is brought where.
type Options struct {
	Dir        string // the data directory; what is to be known over a restart is in Dir/bridge
	Set        *shard.Set
	Log        string             // the cluster that keeps every topic; "" = topics are kept here
	Forwards   map[string]Forward // by name
	Promotions *Promotions
	Disk       disk.Disk // nil = the real one
	Logger     *slog.Logger
}

// LogTarget is the name of the target that keeps every topic.
const LogTarget = "log"

// Bridge is all targets. Anyone may call its methods.
type Bridge struct {
	o   Options
	set *shard.Set

	mu         sync.Mutex
	targets    []*target // sorted by name
	promotions map[string]*promotion

	changed chan struct{}
	stop    chan struct{}
	ended   chan struct{}
}

// Dir is where a data directory has what the bridge is to know over a restart.
func Dir(data string) string { return filepath.Join(data, "bridge") }

// Seed is the routing seed of a listener in front of a cluster: made from what the cluster calls itself, so that a key goes to the same
// partition from every listener. The cluster must be there for that once; it is waited for for half a minute.
func Seed(ctx context.Context, address string, logger *slog.Logger) (uint64, error) {
	a, err := ParseAddress(address)
	if err != nil {
		return 0, err
	}
	c, err := dial(a, "penstock")
	if err != nil {
		return 0, err
	}
	defer c.close()
	for end := time.Now().Add(seedPatience); ; {
		id, err := c.identity(ctx)
		if err == nil {
			return xxhash.Sum64String("penstock routing " + id), nil
		}
		if time.Now().After(end) || sleep(ctx, time.Second) != nil {
			return 0, fmt.Errorf("the first start in a data directory asks the cluster at %s which one it is, so that every listener routes a key to the same partition: %w", a, err)
		}
		logger.Warn("the first start in a data directory waits for the cluster", "to", a.String(), "error", err)
	}
}

const seedPatience = 30 * time.Second

// Open makes the targets and starts to bring to them what is there. It does not wait for any cluster.
func Open(o Options) (*Bridge, error) {
	if o.Disk == nil {
		o.Disk = disk.OS{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	b := &Bridge{o: o, set: o.Set, promotions: map[string]*promotion{}, changed: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	if err := errors.Join(o.Disk.MakeDir(Dir(o.Dir)), o.Disk.SyncDir(o.Dir)); err != nil {
		return nil, err
	}
	if err := b.openTargets(); err != nil {
		b.closeTargets()
		return nil, err
	}
	b.resumeOrTell()
	for _, t := range b.targets {
		t.reconcile(b.set)
	}
	go b.run()
	return b, nil
}

func (b *Bridge) openTargets() error {
	if b.o.Log != "" {
		t, err := b.open(LogTarget, LogTarget, Forward{To: b.o.Log})
		if err != nil {
			return fmt.Errorf("log: %w", err)
		}
		t.spooled.Store(true)
	}
	for name, f := range b.o.Forwards {
		if _, err := b.open(name, "forward-"+name, f); err != nil {
			return fmt.Errorf("forward.%s: %w", name, err)
		}
	}
	return nil
}

// open adds a target. The caller holds mu, or nobody else is there yet.
func (b *Bridge) open(name, file string, f Forward) (*target, error) {
	t, err := newTarget(name, f, b.o.Disk, filepath.Join(Dir(b.o.Dir), file+".json"), b.o.Logger)
	if err != nil {
		return nil, err
	}
	there, err := b.topicsOnDisk()
	if err != nil {
		t.cluster.close()
		return nil, err
	}
	t.positions.keep(func(topic string) bool { return there[topic] }) // a topic may have been deleted just before a crash
	b.targets = append(b.targets, t)
	slices.SortFunc(b.targets, func(x, y *target) int { return strings.Compare(x.name, y.name) })
	return t, nil
}

// topicsOnDisk are the topics that are there, those that can't be opened now, too.
func (b *Bridge) topicsOnDisk() (map[string]bool, error) {
	dirs, err := b.o.Disk.Dirs(filepath.Join(b.o.Dir, "topics"))
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for _, dir := range dirs {
		if i := strings.LastIndexByte(dir, '-'); i > 0 {
			there[dir[:i]] = true
		}
	}
	return there, nil
}

// resume goes on with the promotions that an earlier run began, of the topics that are open.
func (b *Bridge) resume() error {
	if b.o.Log != "" {
		return nil // the cluster keeps every topic
	}
	var errs []error
	for name, at := range b.o.Promotions.topics() {
		if b.promotions[name] == nil {
			errs = append(errs, b.startPromotion(name, at))
		}
	}
	return errors.Join(errs...)
}

// resumeOrTell is resume where a promotion that can't go on (a file that its address names is gone) must not stop anything else: its topic's
// records wait in the log.
func (b *Bridge) resumeOrTell() {
	if err := b.resume(); err != nil {
		b.o.Logger.Error("a promotion can't go on; its records wait in the log, and the next start tries again", "error", err)
	}
}

// closeTargets ends what was opened by an Open that fails.
func (b *Bridge) closeTargets() {
	for _, t := range b.targets {
		t.halt()
		t.cluster.close()
	}
}

// saveEvery is how often positions are written down.
const saveEvery = time.Second

func (b *Bridge) run() {
	defer close(b.ended)
	save := time.NewTicker(saveEvery)
	defer save.Stop()
	for {
		select {
		case <-b.changed:
			b.mu.Lock()
			b.resumeOrTell()
			b.mu.Unlock()
			for _, t := range b.all() {
				t.reconcile(b.set)
			}
		case <-save.C:
			for _, t := range b.all() {
				if err := t.positions.save(); err != nil {
					b.o.Logger.Warn("how far a cluster has the records could not be written down", "target", t.name, "error", err)
				}
			}
		case <-b.stop:
			return
		}
	}
}

func (b *Bridge) all() []*target {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.targets)
}

// Changed is to be called when a topic came or went. It does not block.
func (b *Bridge) Changed() {
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// TopicDeleted forgets how far a topic was brought: one of the same name begins anew.
func (b *Bridge) TopicDeleted(topic string) error {
	var errs []error
	b.mu.Lock()
	p := b.promotions[topic]
	b.mu.Unlock()
	if p != nil {
		p.stop()
		<-p.ended
		errs = append(errs, b.endPromotion(p))
	}
	errs = append(errs, b.forgetPromotions(topic))
	for _, t := range b.all() {
		errs = append(errs, t.forget(topic, b.set))
	}
	return errors.Join(errs...)
}

// promotionFile is the name of the file that says how far a topic is in the cluster that it is, or was, promoted to.
func promotionFile(topic, to string) string {
	return promotionPrefix(topic) + strconv.FormatUint(xxhash.Sum64String(to), 16)
}

func promotionPrefix(topic string) string { return "promote-" + topic + "-" }

// forgetPromotions removes the files of all promotions that a topic ever had.
func (b *Bridge) forgetPromotions(topic string) error {
	names, err := b.o.Disk.ReadDir(Dir(b.o.Dir))
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		rest, ours := strings.CutPrefix(name, promotionPrefix(topic))
		if ours && strings.HasSuffix(rest, ".json") && !strings.Contains(rest, "-") { // else it is of a topic whose name goes on
			errs = append(errs, b.o.Disk.Remove(filepath.Join(Dir(b.o.Dir), name)))
		}
	}
	return errors.Join(append(errs, b.o.Disk.SyncDir(Dir(b.o.Dir)))...)
}

// endPromotion forgets a promotion. How far its target is stays known: the topic may be promoted there again.
func (b *Bridge) endPromotion(p *promotion) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.promotions[p.topic.Name()] != p {
		return nil
	}
	if err := b.o.Promotions.remove(p.topic.Name()); err != nil {
		return err
	}
	delete(b.promotions, p.topic.Name())
	b.targets = slices.DeleteFunc(b.targets, func(t *target) bool { return t == p.t })
	return p.t.close()
}

// Close ends all shippers. What they have not brought waits in the logs.
func (b *Bridge) Close(ctx context.Context) error {
	close(b.stop)
	done := make(chan error, 1)
	go func() {
		<-b.ended
		var errs []error
		b.mu.Lock()
		for _, p := range b.promotions {
			p.stop()
		}
		promotions := slices.Collect(maps.Values(b.promotions))
		b.mu.Unlock()
		for _, p := range promotions {
			<-p.ended
		}
		for _, t := range b.all() {
			errs = append(errs, t.close())
		}
		done <- errors.Join(errs...)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("the connections to clusters could not be closed in time: %w", ctx.Err())
	}
}
