package learn

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/strictyaml"
)

// DecodePlan reads a recipe or plan; file names it in errors. An unknown key is an error that names the nearest known one.
func DecodePlan(file string, data []byte) (*Plan, error) {
	p := &Plan{}
	if err := strictyaml.Unmarshal(file, data, p); err != nil {
		return nil, err
	}
	return p, nil
}

// ReadPlan is [DecodePlan] of a file.
func ReadPlan(path string) (*Plan, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		code := fault.Input
		if os.IsNotExist(err) {
			code = fault.NotFound
		}
		return nil, fault.New(code, "reading the plan: %w", err)
	}
	return DecodePlan(path, data)
}

// EncodePlan writes a plan; equal plans give equal bytes, and decoding gives the plan back.
func EncodePlan(p *Plan) ([]byte, error) { return strictyaml.Marshal(p) }

// Clone is a deep copy.
func (p *Plan) Clone() *Plan {
	data, err := EncodePlan(p)
	if err == nil {
		var q *Plan
		if q, err = DecodePlan("plan", data); err == nil {
			q.Data.Base = p.Data.Base // not part of the file
			return q
		}
	}
	panic(fmt.Sprintf("learn: a plan does not survive its own encoding: %v", err))
}

// Digest is the SHA-256 of what training's result depends on, in hex: seed, data, input, augmentation, model and training, without
// what only says how fast, how long or how often it is saved. Checkpoints carry it.
func (p *Plan) Digest() string {
	q := p.Clone()
	key := &Plan{Seed: q.Seed, Data: q.Data, Input: q.Input, Augment: q.Augment, Model: q.Model, Train: q.Train}
	key.Data.Root, key.Data.Archive = "", "" // where the data lie on this machine; what they are is checked by the rows' digest
	key.Data.Derive = nil
	if key.Train.Fairness == nil { // else the groups are part of the training
		key.Data.Subgroups = nil
	}
	key.Input.EvalClips = 0
	key.Train.CacheDir, key.Train.CacheGiB = "", 0
	key.Train.Threads, key.Train.Device, key.Train.MaxMinutes, key.Train.CheckpointSteps = 0, "", 0, 0
	data, err := EncodePlan(key)
	if err != nil {
		panic(fmt.Sprintf("learn: digest of a plan: %v", err))
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// rowsDigest identifies the items that a fold trains and validates on, in order.
func rowsDigest(train, val []string) string {
	h := sha256.New()
	for _, part := range [][]string{train, val} {
		for _, id := range slices.Sorted(slices.Values(part)) {
			fmt.Fprintf(h, "%d:%s\n", len(id), id)
		}
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}
