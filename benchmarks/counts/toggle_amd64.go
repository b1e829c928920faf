package main

// toggle begins or ends counting, for the thread that calls it. Without valgrind it is nothing.
//
// It is a request to valgrind and not --toggle-collect=main.work, since callgrind takes a switch to the runtime's own stack, as every wake-up
// of a goroutine has it, for a return from everything that was called, and would stop counting there.
func toggle()
