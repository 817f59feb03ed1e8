// Package torch reaches libtorch from Go without cgo: its tensors, every operator, autograd, autocast, devices and files.
//
// # Nouns
//
// An [Engine] is libtorch on one operating-system thread; [Run] finds libtorch, compiles the bridge at first use, loads it and hands
// an Engine to a function. A [Tensor] is a handle of a libtorch tensor. A [Scope] owns the tensors made while it is the innermost one
// and frees them when it closes. An [Array] is a tensor's content in Go memory, which files are read to and written from with no
// engine at all. An [Error] is anything that libtorch refused: the operator, the arguments' shapes and libtorch's own words.
//
// # Operators
//
// [Engine.Call] calls any operator of libtorch by its schema name, "aten::conv3d" or "aten::add.Tensor", with Go values. The
// operators in daily use have typed wrappers in torch's own names, whose arguments follow the schema's order: [Conv3d],
// [Tensor.Mul], [CrossEntropyLoss]. A trailing underscore means in place, as in torch. Wrappers panic with an *Error; [Run] and
// [Engine.Try] turn that panic into an error, so numeric code is written without an error check a line.
//
// # Lifetimes
//
// Every tensor belongs to the innermost open scope. Closing a scope frees what belongs to it at once, in one call:
//
//	torch.Run(ctx, torch.Config{}, func(e *torch.Engine) error {
//		w := e.Randn(torch.Float32, 10, 3).SetRequiresGrad(true).Keep() // out of all scopes, until w.Free()
//		for range steps {
//			s := e.Scope()
//			loss := torch.Linear(x, w, nil).Square().Mean()
//			e.Backward(loss)
//			s.Close() // loss and all between die here
//		}
//		return nil
//	})
//
// [Scope.Keep] moves results to the scope outside. Using a freed tensor panics. Finalizers are never used: the collector sees small
// Go objects and would let gigabytes pile up behind them. What is left when Run ends is freed then; [Engine.LiveHandles] counts, in
// the bridge, the handles that Go holds.
//
// # Threads
//
// Grad mode, autocast and inference mode are thread-local in libtorch, and OpenMP keeps a pool of workers for each calling thread.
// So an engine lives on one locked thread: Run locks the calling goroutine to its thread, and an engine, its scopes and its tensors
// are used by that goroutine only. Each call compares thread numbers before it touches anything and panics on another thread, also
// in programs built with -race. Other goroutines hand over Go slices ([Engine.PinnedFloat32] gives host memory for that), never
// tensors. Several engines may run at once, each on its own goroutine; operators are resolved once for all of them.
//
// # Determinism
//
// Run seeds libtorch from Config.Seed. On a CPU, equal seeds and equal thread counts give equal bits.
package torch
