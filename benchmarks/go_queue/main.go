// client-go's work queue, timed: `go_queue SCENARIO COUNT [SECONDS]` prints one line of JSON. What the scenarios are stands
// in workqueue.py beside this folder, which measures the same of kubeinformer's queue.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"k8s.io/client-go/util/workqueue"
)

type queue = workqueue.TypedRateLimitingInterface[string]

const spread = 100 * time.Millisecond // in which delayed keys fall due, the last of them at the moment named

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// newQueue returns a queue with the delays that kubeinformer's has by default, and no bucket over all keys.
func newQueue() queue {
	return workqueue.NewTypedRateLimitingQueue(
		workqueue.NewTypedItemExponentialFailureRateLimiter[string](5*time.Millisecond, 1000*time.Second))
}

func keys(count int) []string {
	made := make([]string, count)
	for number := range made {
		made[number] = fmt.Sprintf("team-%03d/object-%07d", number%200, number)
	}
	return made
}

func rate(count int, took time.Duration) float64 {
	return float64(count) / took.Seconds()
}

// cycle adds, gets and gives back one key after the other, in one goroutine.
func cycle(names []string) map[string]float64 {
	q := newQueue()
	began := time.Now()
	for _, key := range names {
		q.Add(key)
		got, _ := q.Get()
		q.Done(got)
	}
	return map[string]float64{"rate": rate(len(names), time.Since(began))}
}

// bulk adds all keys, then gets and gives back all of them.
func bulk(names []string) map[string]float64 {
	q := newQueue()
	began := time.Now()
	for _, key := range names {
		q.Add(key)
	}
	for range names {
		got, _ := q.Get()
		q.Done(got)
	}
	return map[string]float64{"rate": rate(len(names), time.Since(began))}
}

// work starts so many workers, which forget keys too if asked; the channel is closed when all keys were done.
func work(q queue, workers int, count int, forget bool) chan struct{} {
	var handled atomic.Int64
	finished := make(chan struct{})
	for range workers {
		go func() {
			for {
				key, ends := q.Get()
				if ends {
					return
				}
				if forget {
					q.Forget(key)
				}
				q.Done(key)
				if handled.Add(1) == int64(count) {
					close(finished)
				}
			}
		}()
	}
	return finished
}

// worked has this goroutine add keys, and so many others work.
func worked(names []string, workers int) map[string]float64 {
	q := newQueue()
	finished := work(q, workers, len(names), false)
	began := time.Now()
	for _, key := range names {
		q.Add(key)
	}
	<-finished
	return map[string]float64{"rate": rate(len(names), time.Since(began))}
}

// handOff adds a key to an empty queue, in front of a worker that waits, each millisecond.
func handOff(names []string) map[string]float64 {
	q := newQueue()
	var added time.Time
	waits := make(chan float64)
	go func() {
		for {
			key, ends := q.Get()
			if ends {
				return
			}
			waits <- float64(time.Since(added).Nanoseconds()) / 1e3
			q.Done(key)
		}
	}()
	var seen []float64
	for _, key := range names {
		time.Sleep(time.Millisecond)
		added = time.Now()
		q.Add(key)
		seen = append(seen, <-waits)
	}
	slices.Sort(seen)
	return map[string]float64{"p50": seen[len(seen)/2], "p99": seen[len(seen)*99/100]}
}

// delayed adds keys that fall due together after a number of seconds, and lets one worker have them.
func delayed(names []string, seconds float64) map[string]float64 {
	q := newQueue()
	before := memory()
	began := time.Now()
	due := began.Add(time.Duration(seconds * float64(time.Second)))
	state := uint64(1)
	for _, key := range names {
		state = state*6364136223846793005 + 1442695040888963407
		early := time.Duration(state>>33) * spread >> 31
		q.AddAfter(key, time.Until(due)-early)
	}
	took := time.Since(began)
	size := (memory() - before) / float64(len(names))
	if time.Until(due) < spread {
		check(fmt.Errorf("keys fell due before all were added: more seconds are needed"))
	}
	var stall time.Duration
	last := due.Add(-spread)
	for range names {
		key, _ := q.Get()
		now := time.Now()
		stall = max(stall, now.Sub(last))
		last = now
		q.Done(key)
	}
	return map[string]float64{
		"rate": rate(len(names), took), "bytes": size, "fired": time.Since(due.Add(-spread)).Seconds(), "stall": stall.Seconds()}
}

// limited has keys fail once each, and a worker do and forget them.
func limited(names []string) map[string]float64 {
	q := newQueue()
	finished := work(q, 1, len(names), true)
	began := time.Now()
	for _, key := range names {
		q.AddRateLimited(key)
	}
	added := time.Since(began)
	<-finished
	return map[string]float64{"rate": rate(len(names), time.Since(began)), "added": rate(len(names), added)}
}

func main() {
	count, err := strconv.Atoi(os.Args[2])
	check(err)
	names := keys(count)
	var found map[string]float64
	before := cpu()
	switch os.Args[1] {
	case "cycle":
		found = cycle(names)
	case "bulk":
		found = bulk(names)
	case "worker":
		found = worked(names, 1)
	case "workers":
		found = worked(names, 4)
	case "handoff":
		found = handOff(names)
	case "delayed":
		seconds, err := strconv.ParseFloat(os.Args[3], 64)
		check(err)
		found = delayed(names, seconds)
	case "limited":
		found = limited(names)
	default:
		check(fmt.Errorf("no scenario %q", os.Args[1]))
	}
	found["cpu"] = float64((cpu() - before).Nanoseconds()) / 1e3 / float64(count) // microseconds of each key
	check(json.NewEncoder(os.Stdout).Encode(found))
}
