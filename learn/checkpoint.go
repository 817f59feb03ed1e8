package learn

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"syscall"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// A checkpoint is one safetensors file: tensors, and a JSON State in the header's metadata. One file, renamed into place when it
// is whole, so that no moment exists in which values and state disagree.
const (
	bestFile = "best.safetensors" // weights for prediction
	lastFile = "last.safetensors" // all that going on needs: also optimiser state ("optimizer.…") and averages ("ema.…")

	stateKey      = "cineloop"
	stateFormat   = 1
	checkpointDir = "checkpoints"
)

// State is what a checkpoint says about itself.
//
// There is no state of random generators in it: every draw is made from a stream that Seed, epoch, batch and item name.
type State struct {
	Format  int    `json:"format"`
	Version string `json:"version"` // of cineloop
	Digest  string `json:"digest"`  // SHA-256 over the tensors' names, shapes and values

	Plan         string         `json:"plan"` // [Plan.Digest]
	Rows         string         `json:"rows"` // digest of the keys of the training and validation rows
	Seed         stats.Seed     `json:"seed"`
	Network      video.Spec     `json:"network"`
	Heads        []head         `json:"heads"`
	Table        *tableCode     `json:"table,omitempty"` // of the columns beside the picture
	Input        clip.InputSpec `json:"input"`
	Segment      *MaskNet       `json:"segment,omitempty"`       // of a network for masks, in Network's place
	Eval         float64        `json:"eval_scale,omitempty"`    // [clip.AugmentSpec.EvalScale]
	Threads      int            `json:"threads"`                 // bits are equal for equal thread counts
	ChannelsLast bool           `json:"channels_last,omitempty"` // kernels and activations
	Ranks        int            `json:"ranks,omitempty"`         // processes that train together; 0: one

	Epoch   int     `json:"epoch"` // being worked on
	Batch   int     `json:"batch"` // batches of it that are done
	Step    int     `json:"step"`  // optimiser steps done
	Seconds float64 `json:"seconds"`
	Wait    float64 `json:"wait_seconds"` // of them, spent waiting for data

	OptimizerSteps int     `json:"optimizer_steps"` // of Step, those that changed weights; float16 leaves some out
	Scale          float64 `json:"loss_scale,omitempty"`
	Good           int     `json:"good_steps,omitempty"` // since the loss scale last changed

	Fair    *fairState `json:"fair,omitempty"` // of train.fairness: multipliers, group weights, mistakes
	Running Running    `json:"running"`        // of the unfinished epoch
	Best    *Best      `json:"best,omitempty"`
	Stale   int        `json:"stale"`             // epochs since the best
	Metric  string     `json:"metric,omitempty"`  // monitored value of the last epoch, as progress shows it
	Stopped string     `json:"stopped,omitempty"` // why training ended: finished, patience, max_minutes
}

// judge compares an epoch with the best so far, by the validation rows where there are any and as the best otherwise, and says whether it is the
// new best.
func (s *State) judge(m monitor, v validation, validated bool, trainLoss float64) (better bool) {
	value := v.monitored(m)
	better = !validated || m.better(value, v.loss, s.Best)
	if better {
		s.Best, s.Stale = &Best{Metric: m.name, Value: value, Loss: v.loss, Epoch: s.Epoch, Step: s.Step}, 0
		if !validated {
			s.Best.Metric, s.Best.Value, s.Best.Loss = "train loss", trainLoss, trainLoss
		}
	} else {
		s.Stale++
	}
	s.Metric = ""
	if !math.IsNaN(value) {
		s.Metric = fmt.Sprintf("%s %.4g (best %.4g)", m.name, value, s.Best.Value)
	}
	return better
}

// next ends an epoch, and says why training ends with it where it does. overtime: its minutes are used up.
func (s *State) next(p TrainSpec, seconds float64, overtime bool) {
	s.Epoch, s.Batch, s.Running = s.Epoch+1, 0, Running{}
	s.Seconds = seconds
	switch {
	case s.Epoch >= p.Epochs:
		s.Stopped = "finished"
	case p.Patience > 0 && s.Stale >= p.Patience:
		s.Stopped = "patience"
	case overtime:
		s.Stopped = "max_minutes"
	}
}

// Running sums up the batches of an epoch.
type Running struct {
	Loss    float64 `json:"loss"` // Σ loss × rows
	Rows    int     `json:"rows"`
	Seconds float64 `json:"seconds"`
	Wait    float64 `json:"wait_seconds"`
}

// writeCheckpoint writes a checkpoint whole or not at all.
func writeCheckpoint(path string, s State, tensors map[string]torch.Array) error {
	s.Format = stateFormat
	s.Digest = tensorDigest(tensors)
	js, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encoding the state of %s: %w", filepath.Base(path), err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("checkpoint folder: %w", err)
	}
	if err := torch.WriteSafetensors(path, tensors, map[string]string{stateKey: string(js)}); err != nil {
		err = fmt.Errorf("checkpoint of step %d: %w", s.Step, err)
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			return fault.New(fault.Resource, "%w", err).WithHint("free some space and repeat the command; it goes on from the last whole checkpoint")
		}
		return err
	}
	return nil
}

// readCheckpoint reads a checkpoint and checks its digest. A file that is not there is NotFound, a damaged one Input.
func readCheckpoint(path string) (State, map[string]torch.Array, error) {
	var s State
	tensors, meta, err := torch.ReadSafetensors(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil, fault.New(fault.NotFound, "no checkpoint %s", path)
	case err != nil:
		return s, nil, damaged(path, err)
	case meta[stateKey] == "":
		return s, nil, fault.New(fault.Input, "%s is not a checkpoint of this program", path).
			WithHint("weights of others go into a plan as model.weights")
	}
	if err := json.Unmarshal([]byte(meta[stateKey]), &s); err != nil {
		return s, nil, damaged(path, err)
	}
	if s.Format != stateFormat {
		return s, nil, fault.New(fault.Input, "%s has format %d, this program reads %d (it was written by version %s)", path, s.Format, stateFormat, s.Version)
	}
	if got := tensorDigest(tensors); got != s.Digest {
		return s, nil, damaged(path, errors.New("its values do not have the digest that it was written with"))
	}
	return s, tensors, nil
}

func damaged(path string, err error) error {
	return fault.New(fault.Input, "checkpoint %s is damaged: %w", path, err).
		WithHint("delete it to begin again; best.safetensors beside it can still predict")
}

// tensorDigest is the SHA-256 over names, shapes and values, in the order of names.
func tensorDigest(tensors map[string]torch.Array) string {
	h := sha256.New()
	for _, name := range sortedKeys(tensors) {
		a := tensors[name]
		fmt.Fprintf(h, "%q %v %v %d\n", name, a.DType, a.Shape, len(a.Data))
		h.Write(a.Data)
	}
	return hex.EncodeToString(h.Sum(nil))
}
