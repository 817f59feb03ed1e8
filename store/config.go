package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/strictyaml"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/object"
)

// ConfigFile is the file that makes a folder an archive.
const ConfigFile = "archive.yaml"

// Config is an archive's archive.yaml. Places without a scheme are paths relative to the archive's folder.
type Config struct {
	Version    int      `yaml:"version"`              // of this form: 1
	Objects    string   `yaml:"objects"`              // folder or bucket URL
	Catalog    string   `yaml:"catalog"`              // SQLite file or postgres URL
	Queue      string   `yaml:"queue"`                // SQLite file, postgres URL, nats URL
	Recipients []string `yaml:"recipients"`           // age public keys that new contents are sealed for; empty: open
	Quota      int64    `yaml:"quota"`                // bytes of contents; 0: no limit
	QuotaCount int64    `yaml:"quotaCount,omitempty"` // number of contents; 0: no limit
	Reserve    int64    `yaml:"reserve"`              // bytes that stay free on the disk of the contents
}

// DefaultConfig keeps everything in the archive's own folder.
func DefaultConfig() Config {
	return Config{Version: 1, Objects: "objects", Catalog: "catalog.db", Queue: "queue.db", Reserve: 256 << 20}
}

// Init makes dir an archive. One that is there already with the same configuration is left alone; with another it is an error with
// code fault.Conflict.
func Init(dir string, cfg Config) error {
	if _, err := cfg.recipients(); err != nil {
		return err
	}
	data, err := strictyaml.Marshal(cfg)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, ConfigFile)
	old, err := os.ReadFile(path)
	switch {
	case err == nil && string(old) == string(data):
		return nil
	case err == nil:
		return fault.New(fault.Conflict, "the folder is an archive with another configuration").WithHint("edit its %s", ConfigFile)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("making an archive: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making an archive: %w", err)
	}
	return atomicfile.WriteBytes(path, data)
}

// ReadConfig reads the archive.yaml in dir; code fault.NotFound says that dir is no archive.
func ReadConfig(dir string) (Config, error) {
	path := filepath.Join(dir, ConfigFile)
	if _, err := os.Stat(path); err != nil {
		return Config{}, fault.New(fault.NotFound, "%s is no archive: it has no %s", dir, ConfigFile)
	}
	var cfg Config
	if err := strictyaml.ReadFile(path, &cfg); err != nil {
		return cfg, err
	}
	if cfg.Version != 1 {
		return cfg, fault.New(fault.Conflict, "%s has version %d, this program knows 1", path, cfg.Version).WithHint("use the newer cineloop that wrote it")
	}
	return cfg, nil
}

func (c Config) recipients() ([]age.Recipient, error) {
	if len(c.Recipients) == 0 {
		return nil, nil
	}
	out, err := age.ParseRecipients(strings.NewReader(strings.Join(c.Recipients, "\n")))
	if err != nil {
		return nil, fault.New(fault.Usage, "recipients of the archive: %w", err).WithHint("age-keygen writes the public key, age1…, beside the identity")
	}
	return out, nil
}

// place is a configured place, with paths made absolute.
func place(dir, value string) string {
	if strings.Contains(value, "://") || filepath.IsAbs(value) {
		return value
	}
	return filepath.Join(dir, value)
}

// Keys are the secrets that an archive.yaml does not hold.
type Keys struct {
	Identities []age.Identity // open sealed contents
}

// ReadKeys reads an age identity file; "" gives no keys.
func ReadKeys(path string) (Keys, error) {
	if path == "" {
		return Keys{}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return Keys{}, fault.New(fault.NotFound, "the archive's key: %w", err)
	}
	defer f.Close()
	ids, err := age.ParseIdentities(f)
	if err != nil {
		return Keys{}, fault.New(fault.Input, "%s holds no age identity", path)
	}
	return Keys{ids}, nil
}

// Archive is an open archive. All methods may be called from many goroutines.
type Archive struct {
	Objects *object.Store
	Catalog *catalog.Catalog

	dir    string
	cfg    Config
	budget *object.Budget
	seal   string // names the recipients
}

// Open opens the archive in dir.
func Open(ctx context.Context, dir string, keys Keys) (*Archive, error) {
	cfg, err := ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	return openConfig(ctx, dir, cfg, keys)
}

func openConfig(ctx context.Context, dir string, cfg Config, keys Keys) (*Archive, error) {
	recipients, err := cfg.recipients()
	if err != nil {
		return nil, err
	}
	c, err := catalog.Open(ctx, place(dir, cfg.Catalog))
	if err != nil {
		return nil, fmt.Errorf("opening the archive's catalog: %w", err)
	}
	bytes, contents, err := c.Usage(ctx)
	if err != nil {
		c.Close()
		return nil, err
	}
	budget := object.NewBudget(cfg.Quota, bytes).Contents(cfg.QuotaCount, contents)
	o, err := object.Open(ctx, place(dir, cfg.Objects), object.Options{
		Recipients: recipients, Identities: keys.Identities, Budget: budget, Reserve: cfg.Reserve,
	})
	if err != nil {
		c.Close()
		return nil, err
	}
	return &Archive{Objects: o, Catalog: c, dir: dir, cfg: cfg, budget: budget, seal: cfg.sealName()}, nil
}

// Config is the archive's configuration.
func (a *Archive) Config() Config { return a.cfg }

// Queue is the place of the archive's queue, for queue.Open.
func (a *Archive) Queue() string { return place(a.dir, a.cfg.Queue) }

// Close closes the archive; what is under way is finished first.
func (a *Archive) Close() error {
	return errors.Join(a.Objects.Close(), a.Catalog.Close())
}
