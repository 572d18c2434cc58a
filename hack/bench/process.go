package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is the unit of CPU times in /proc: USER_HZ, which is 100 on every Linux (proc(5), sysconf(3)).
const clockTick = 10 * time.Millisecond

// cpuTime is the CPU time of a process, user and system, all threads, to a clock tick.
func cpuTime(pid int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) //nolint:gosec // a number
	if err != nil {
		return 0, fmt.Errorf("read CPU time: %w", err)
	}
	return parseStat(data)
}

// parseStat reads utime and stime, fields 14 and 15 of /proc/PID/stat (proc(5)). The command's name, field 2, may contain
// anything, but it is in parentheses, and no later field has one.
func parseStat(data []byte) (time.Duration, error) {
	end := bytes.LastIndexByte(data, ')')
	fields := strings.Fields(string(data[end+1:]))
	if end < 0 || len(fields) < 13 {
		return 0, errors.New("read CPU time: too few fields")
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read CPU time: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// peakRSS is the most physical memory that a process ever had, in bytes.
func peakRSS(pid int) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) //nolint:gosec // a number
	if err != nil {
		return 0, fmt.Errorf("read peak memory: %w", err)
	}
	return parsePeak(data)
}

// parsePeak reads VmHWM of /proc/PID/status (proc(5)).
func parsePeak(data []byte) (int64, error) {
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read peak memory: %w", err)
			}
			return kib << 10, nil
		}
	}
	return 0, errors.New("read peak memory: there is no VmHWM")
}

// ownCPU is the CPU time of this process.
func ownCPU() (time.Duration, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, fmt.Errorf("read own CPU time: %w", err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}

// idle is a process that has come to rest.
type idle struct {
	since time.Time     // when it last did something
	cpu   time.Duration // its CPU time by then
	not   bool          // it did not come to rest; since and cpu are of when that was given up
}

// How a process is told to be idle: it uses no more than a clock tick of CPU in a second and then makes no request in
// another.
const (
	idleWindow = time.Second
	idleSample = 50 * time.Millisecond
	idlePeriod = time.Minute // after so long it is said not to be idle
)

// waitIdle waits until the process is idle. The requests are counted after the CPU time is read, because counting
// costs the process CPU.
func waitIdle(ctx context.Context, cpuTime func() (time.Duration, error), requests func(context.Context) (float64, error)) (idle, error) {
	tick := time.NewTicker(idleSample)
	defer tick.Stop()
	start := time.Now()
	since, base := start, time.Duration(-1)
	for {
		now := time.Now()
		cpu, err := cpuTime()
		if err != nil {
			return idle{}, err
		}
		if base < 0 || cpu > base+clockTick {
			since, base = now, cpu
		}
		if now.Sub(start) > idlePeriod {
			return idle{since: now, cpu: cpu, not: true}, nil
		}
		if now.Sub(since) >= idleWindow {
			rests, err := makesNone(ctx, requests)
			if err != nil {
				return idle{}, err
			}
			if rests {
				return idle{since: since, cpu: cpu}, nil
			}
			base = -1
		}
		select {
		case <-ctx.Done():
			return idle{}, ctx.Err()
		case <-tick.C:
		}
	}
}

// makesNone reports whether no request is made during the idle window.
func makesNone(ctx context.Context, requests func(context.Context) (float64, error)) (bool, error) {
	before, err := requests(ctx)
	if err != nil {
		return false, err
	}
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-time.After(idleWindow):
	}
	after, err := requests(ctx)
	return err == nil && after == before, err
}
