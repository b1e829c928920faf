package appliance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"penstock/appliance/admin"
	"penstock/appliance/catalog"
	"penstock/appliance/config"
	"penstock/appliance/intake"
	"penstock/appliance/kafka"
	"penstock/appliance/kafka/bridge"
	"penstock/appliance/kafka/group"
	"penstock/appliance/shard"
	"penstock/tuning"
	"penstock/wire"
)

// Appliance is all the parts, put together. Make it with Open, run it with Run; Run closes it.
type Appliance struct {
	config  config.Config
	log     *slog.Logger
	started time.Time

	lock    *Lock
	catalog *catalog.Catalog
	admin   *admin.Server   // nil when off
	certs   *intake.Keyring // nil when no listener speaks TLS

	// These are there later than the admin listener that asks for them.
	set    atomic.Pointer[shard.Set]     // nil while the logs are recovered
	intake atomic.Pointer[intake.Server] // nil until then, when it is off, and when this process is no listener
	kafka  atomic.Pointer[kafka.Server]  // nil until then, and when it is off
	groups atomic.Pointer[group.Coordinator]
	bridge atomic.Pointer[bridge.Bridge]

	promotions *bridge.Promotions

	stage  atomic.Int32
	failed chan error // a part that stopped by itself says why; room for each

	closing  sync.Once
	closeErr error
}

// The stages of a life, for /readyz.
const (
	recovering = iota
	serving
	stopping
)

var (
	errRecovering = errors.New("recovering: the logs are being opened")
	errStopping   = errors.New("shutting down")
)

// Open takes the data directory, recovers what is in it and binds every listener, in that order but for the admin listener, which
// answers from the start. c is valid (config.Load, or Validate). On error nothing stays open.
func Open(c config.Config, log *slog.Logger) (*Appliance, error) {
	a := &Appliance{config: c, log: log, started: time.Now(), failed: make(chan error, 3)}
	for _, step := range []func() error{a.checkHost, a.openDir, a.openAdmin, a.openLogs, a.openBridge, a.openCertificate, a.openKafka, a.openIntake} {
		if err := step(); err != nil {
			return nil, errors.Join(err, a.Close())
		}
	}
	return a, nil
}

// checkHost refuses what this machine can't do, before anything is touched.
func (a *Appliance) checkHost() error {
	if len(a.config.PinWriters) == 0 {
		return nil
	}
	cpus, err := tuning.CPUs()
	if err != nil {
		return fmt.Errorf("pin-writers: cannot ask which CPUs there are: %w", err)
	}
	for _, cpu := range a.config.PinWriters {
		if !slices.Contains(cpus, cpu) {
			return fmt.Errorf("pin-writers: this process may not use CPU %d: choose from %s, or leave pin-writers out", cpu, tuning.FormatCPUs(cpus))
		}
	}
	return nil
}

func (a *Appliance) openDir() error {
	dir := a.config.DataDir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cannot make the data directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		a.log.Warn("other users of this machine may look into the data directory: chmod it to 0700", "dir", dir, "mode", info.Mode().Perm())
	}
	if a.lock, err = LockDir(dir); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, AddressesName)); err != nil && !errors.Is(err, os.ErrNotExist) { // of a run that crashed
		return err
	}
	a.catalog, err = catalog.Open(filepath.Join(dir, "catalog.json"))
	if err != nil {
		return err
	}
	for topic, said := range a.config.Topics {
		columns := &said.Columns
		if *columns == (wire.Columns{}) {
			columns = nil
		}
		if err := a.catalog.SetColumns(topic, columns); err != nil {
			return err
		}
	}
	return nil
}

func (a *Appliance) openAdmin() error {
	if a.config.Admin == config.Off {
		return nil
	}
	server, err := admin.New(admin.Options{
		Addr:    a.config.Admin,
		Set:     a.set.Load,
		Catalog: a.catalog,
		Hosts:   a.config.AdminHosts,
		Metrics: a.WriteMetrics,
		Ledger:  a.ledger,
		Version: ThisBuild().Version,
		Ready:   a.ready,
		Deleted: a.topicDeleted,
		Bridge:  bridgeDoor{a},
	})
	if err != nil {
		return err
	}
	a.admin = server
	go func() {
		if err := server.Serve(); err != nil {
			a.failed <- err
		}
	}()
	return nil
}

// topicDeleted has consumer groups and clusters forget how far they were in a topic that is gone.
func (a *Appliance) topicDeleted(topic string) error {
	var errs []error
	if groups := a.groups.Load(); groups != nil {
		errs = append(errs, groups.TopicDeleted(topic))
	}
	if b := a.bridge.Load(); b != nil {
		errs = append(errs, b.TopicDeleted(topic))
	}
	return errors.Join(errs...)
}

// residentPart is which part of the memory is for what the logs got last: enough for who follows them, and what else is on the machine keeps the rest.
const residentPart = 8

func (a *Appliance) openLogs() error {
	c := &a.config
	var err error
	if a.promotions, err = bridge.OpenPromotions(nil, c.DataDir); err != nil {
		return err
	}
	set, err := shard.Open(shard.Options{
		Dir:            c.DataDir,
		Shards:         c.Shards,
		SegmentBytes:   c.SegmentBytes,
		RingBytes:      int(c.RingSize()),
		Retention:      c.Retention,
		RetentionBytes: c.RetentionBytes,
		ResidentBytes:  tuning.Memory() / residentPart,
		MinFreeBytes:   c.MinFreeBytes,
		Caps:           map[string]int64{wire.RejectedTopic: c.RejectedBytes},
		MaxTopics:      c.MaxTopics,
		RepeatBytes:    c.DedupMemory,
		RepeatWindow:   c.DedupWindow,
		Ack:            a.ack(),
		Pack:           packs(c),
		Pin:            c.PinWriters,
		Seed:           a.routingSeed(),
		Spooled:        a.spooled,
		Changed:        a.topicsChanged,
		Logger:         a.log,
	})
	if err != nil {
		return fmt.Errorf("cannot open the logs: %w", err)
	}
	a.set.Store(set)
	return nil
}

// packs reports whether samples are kept in LZ4 frames.
func packs(c *config.Config) bool { return c.Compression == "lz4" }

// ack is the policy's value; config knows only names.
func (a *Appliance) ack() shard.Ack {
	ack, ok := shard.ParseAck(a.config.Ack)
	if !ok {
		panic("BUG: config let the policy " + a.config.Ack + " through")
	}
	return ack
}

func (a *Appliance) openKafka() error {
	c := &a.config
	if c.Kafka == config.Off {
		return nil
	}
	set := a.set.Load()
	known := func(topic string, partition int32) bool {
		t, ok := set.Topic(topic)
		return ok && partition >= 0 && int(partition) < len(t.Logs())
	}
	groups, err := group.Open(group.Options{Dir: c.DataDir, Logger: a.log, Now: set.Now, Known: known})
	if err == nil {
		a.groups.Store(groups)
	} else { // senders, and readers without a group, are not to suffer for it
		a.log.Error("consumer groups are not served until the next start: what they have committed can't be opened", "error", err)
	}
	server, err := kafka.New(kafka.Options{
		Addr: c.Kafka, Advertised: c.KafkaAdvertised, Set: set, Groups: groups,
		Kept: a.kept(), Deleted: a.topicGone, TLS: a.kafkaTLS(), Users: a.kafkaUsers(),
		MaxConnections: c.MaxConnections, MaxConnsPerIP: c.MaxConnsPerIP, ReadTimeout: c.ReadTimeout, WriteTimeout: c.WriteTimeout,
		Logger: a.log,
	})
	if err != nil {
		return err
	}
	a.kafka.Store(server)
	if at := server.Addr().(*net.TCPAddr); !at.IP.IsLoopback() && len(c.KafkaUsers) == 0 {
		a.log.Warn("whoever reaches the kafka listener can read and write every topic: kafka-users says who may", "address", at.String())
	}
	return nil
}

func (a *Appliance) openIntake() error {
	c := &a.config
	isListener := slices.Contains(c.Roles, "listener")
	streams := streamsOf(c)
	someone := c.HTTP != config.Off || c.HTTPS != config.Off
	for _, at := range streams {
		someone = someone || at != config.Off
	}
	if isListener && someone {
		spoken, err := a.formats()
		if err != nil {
			return err
		}
		server, err := intake.New(intake.Options{
			HTTP: c.HTTP, HTTPS: c.HTTPS, Streams: streams, Listeners: c.Listeners, Steer: c.Steer == "cpu", Keyring: a.certs,
			Set: a.set.Load(), Formats: spoken, Tables: a.catalog, Ack: a.ack(),
			Keys: a.keys(), Topics: a.topics(),
			MaxBody: int(c.MaxBodyBytes), MaxConnections: c.MaxConnections, MaxConnsPerIP: c.MaxConnsPerIP,
			HeaderTimeout: c.HeaderTimeout, ReadTimeout: c.ReadTimeout, WriteTimeout: c.WriteTimeout, IdleTimeout: c.IdleTimeout,
			StreamIdleTimeout: c.StreamIdleTimeout,
			Logger:            a.log,
		})
		if err != nil {
			return err
		}
		a.intake.Store(server)
	}
	return a.Addresses().write(c.DataDir)
}

// ready is what /readyz says: nil, or why no records are taken. What the logs have to say is asked of them.
func (a *Appliance) ready() error {
	switch a.stage.Load() {
	case recovering:
		return errRecovering
	case stopping:
		return errStopping
	}
	return nil
}

// Run takes records until ctx ends or a part fails, and then closes the appliance. nil: it was asked to stop, and did in time.
func (a *Appliance) Run(ctx context.Context) error {
	if doors := a.intake.Load(); doors != nil {
		go func() {
			if err := doors.Serve(); err != nil {
				a.failed <- err
			}
		}()
	}
	if door := a.kafka.Load(); door != nil {
		go func() {
			if err := door.Serve(); err != nil {
				a.failed <- err
			}
		}()
	}
	a.stage.CompareAndSwap(recovering, serving)
	var err error
	select {
	case <-ctx.Done():
		a.log.Info("stopping", "at_most", a.config.ShutdownTimeout)
	case err = <-a.failed:
		a.log.Error("a part stopped by itself; stopping the rest", "error", err)
	}
	return errors.Join(err, a.Close())
}

// Reload reads the certificate's files again. New connections get the new certificate; on error the one in use stays.
func (a *Appliance) Reload() error {
	if a.certs == nil {
		return nil
	}
	return a.certs.Load()
}

// Close stops in the order in which nothing is lost: no readiness, no new requests, the requests at work finished, the readers sent
// away, the logs written, synced and closed, the directory given back. It takes at most ShutdownTimeout; what is acknowledged is
// safe however it ends. Calling it again returns the first answer.
func (a *Appliance) Close() error {
	a.closing.Do(func() { a.closeErr = a.close() })
	return a.closeErr
}

func (a *Appliance) close() error {
	a.stage.Store(stopping)
	ctx, cancel := context.WithTimeout(context.Background(), a.config.ShutdownTimeout)
	defer cancel()
	errs := []error{a.closeDoors(ctx)}
	if groups := a.groups.Load(); groups != nil {
		errs = append(errs, groups.Close(ctx))
	}
	if b := a.bridge.Load(); b != nil {
		errs = append(errs, b.Close(ctx))
	}
	if set := a.set.Load(); set != nil {
		errs = append(errs, set.Close(ctx))
	}
	if a.lock != nil {
		if err := os.Remove(filepath.Join(a.config.DataDir, AddressesName)); !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
		errs = append(errs, a.lock.Release())
	}
	err := errors.Join(errs...)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("the stop took longer than shutdown-timeout (%s) and was cut short: %w", a.config.ShutdownTimeout, err)
	}
	return err
}

// closeDoors sends clients and readers away. They get three quarters of the time: who will not go must not cost the logs their
// clean end. To cut one off is no failure, for nothing of its request was acknowledged.
func (a *Appliance) closeDoors(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.config.ShutdownTimeout*3/4)
	defer cancel()
	shut := func(what string, door func(context.Context) error) error {
		err := door(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			a.log.Warn("cut off who had not finished when the time for it was over", "at", what, "error", err)
			return nil
		}
		return err
	}
	var errs []error
	if doors := a.intake.Load(); doors != nil {
		errs = append(errs, shut("intake", doors.Close))
	}
	if door := a.kafka.Load(); door != nil {
		errs = append(errs, shut("kafka", door.Close))
	}
	if a.admin != nil {
		errs = append(errs, shut("admin", a.admin.Close))
	}
	return errors.Join(errs...)
}
