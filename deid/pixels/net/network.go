package net

import (
	"encoding/binary"
	"math"

	"github.com/cineloop/cineloop/internal/fault"
)

// Kind is what a layer does with the size of its input.
type Kind uint8

// The kinds of layers.
const (
	Same  Kind = iota // 3 × 3 (or 1 × 1) at stride 1, zeros beyond the border
	Phase             // the four phases of 2 × 2 cells become channels, then 3 × 3: half the size
	Half              // 4 × 4 at stride 2, border of 1: half the size
)

// Layer is one convolution with bias and, unless it is the last, a rectifier.
type Layer struct {
	Kind     Kind
	In, Out  int // channels; In before any phases
	Kernel   int // 1, 3 or 4
	Dilation int
	Linear   bool
	Weight   []float32 // [Out][channels][Kernel][Kernel]
	Bias     []float32
	packed   []float32 // [Out/4][1 + taps][4]: four biases, then four weights a tap
}

// Network is layers in their order.
type Network struct {
	Layers []Layer
	Stride int
}

// channels is the number of input channels of the kernel: after the phases.
func (l *Layer) channels() int {
	if l.Kind == Phase {
		return 4 * l.In
	}
	return l.In
}

func (l *Layer) check() error {
	switch {
	case l.In < 1 || l.In > 512 || l.Out < 1 || l.Out > 512 || l.Dilation < 1 || l.Dilation > 64 || l.Kind > Half:
	case l.Kind == Half && (l.Kernel != 4 || l.Dilation != 1), l.Kind == Phase && l.Kernel != 3, l.Kind == Same && l.Kernel != 1 && l.Kernel != 3:
	case len(l.Weight) != l.Out*l.channels()*l.Kernel*l.Kernel || len(l.Bias) != l.Out:
	default:
		return nil
	}
	return fault.New(fault.Input, "weights: a layer of kind %d, %d to %d channels, kernel %d, dilation %d", l.Kind, l.In, l.Out, l.Kernel, l.Dilation)
}

// pack lays weights out as the loops read them. Channels of output are padded to four with zeros.
func (l *Layer) pack() {
	taps := l.channels() * l.Kernel * l.Kernel
	groups := (l.Out + 3) / 4
	l.packed = make([]float32, groups*(1+taps)*4)
	for o := range l.Out {
		at := o/4*(1+taps)*4 + o%4
		l.packed[at] = l.Bias[o]
		for t := range taps {
			l.packed[at+4*(1+t)] = l.Weight[o*taps+t]
		}
	}
}

var magic = [8]byte{'C', 'L', 'N', 'E', 'T', 0, 0, 1}

// Bytes is the network as Read takes it: a header, then layers of little-endian values.
func (n *Network) Bytes() []byte {
	b := append([]byte(nil), magic[:]...)
	b = append(b, byte(len(n.Layers)))
	for _, l := range n.Layers {
		linear := byte(0)
		if l.Linear {
			linear = 1
		}
		b = append(b, byte(l.Kind), byte(l.Kernel), byte(l.Dilation), linear)
		b = binary.LittleEndian.AppendUint16(b, uint16(l.In))
		b = binary.LittleEndian.AppendUint16(b, uint16(l.Out))
		for _, v := range append(append([]float32(nil), l.Bias...), l.Weight...) {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	return b
}

// Read reads a network. Errors have code input.
func Read(b []byte) (*Network, error) {
	if len(b) < 9 || [8]byte(b) != magic {
		return nil, fault.New(fault.Input, "weights: not a network")
	}
	n := &Network{Stride: 1}
	layers := int(b[8])
	b = b[9:]
	for i := range layers {
		if len(b) < 8 {
			return nil, fault.New(fault.Input, "weights: the file ends in layer %d", i)
		}
		l := Layer{Kind: Kind(b[0]), Kernel: int(b[1]), Dilation: int(b[2]), Linear: b[3] == 1, In: int(binary.LittleEndian.Uint16(b[4:])), Out: int(binary.LittleEndian.Uint16(b[6:]))}
		b = b[8:]
		if l.In > 512 || l.Out > 512 || l.Kernel > 4 {
			return nil, l.check()
		}
		values := l.Out + l.Out*l.channels()*l.Kernel*l.Kernel
		if len(b) < 4*values {
			return nil, fault.New(fault.Input, "weights: the file ends in layer %d", i)
		}
		all := make([]float32, values)
		for k := range all {
			all[k] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*k:]))
			if v := float64(all[k]); math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, fault.New(fault.Input, "weights: a value of layer %d is not finite", i)
			}
		}
		b = b[4*values:]
		l.Bias, l.Weight = all[:l.Out], all[l.Out:]
		if err := l.check(); err != nil {
			return nil, err
		}
		if i > 0 && n.Layers[i-1].Out != l.In {
			return nil, fault.New(fault.Input, "weights: layer %d takes %d channels after %d", i, l.In, n.Layers[i-1].Out)
		}
		if l.Kind != Same {
			n.Stride *= 2
		}
		l.pack()
		n.Layers = append(n.Layers, l)
	}
	if len(b) != 0 || len(n.Layers) == 0 {
		return nil, fault.New(fault.Input, "weights: %d bytes after the last of %d layers", len(b), layers)
	}
	return n, nil
}
