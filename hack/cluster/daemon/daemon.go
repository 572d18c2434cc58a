package daemon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Set is the daemons of one state folder.
type Set struct{ Dir string }

// Spec says how to start a daemon.
type Spec struct {
	Name string   // unique in the set; names the log
	Argv []string // the program by its path, and its arguments
	Env  []string // added to the environment
	Dir  string   // working directory; empty: the set's folder
}

// Process is a started daemon as recorded. The start time tells it from another process that got its id later.
type Process struct {
	Name    string   `json:"name"`
	PID     int      `json:"pid"`
	Started string   `json:"started"` // field 22 of /proc/PID/stat, clock ticks since boot
	Boot    string   `json:"boot"`    // the kernel's boot id
	Argv    []string `json:"argv"`
}

func (s Set) record(name string) string { return filepath.Join(s.Dir, "run", name+".json") }

// Log returns the path of a daemon's log.
func (s Set) Log(name string) string { return filepath.Join(s.Dir, "logs", name+".log") }

// Start starts a daemon in a session of its own, with its output going to its log. The channel gives the error with
// which it exits, if it exits while the caller still runs.
func (s Set) Start(spec Spec) (<-chan error, error) {
	for _, dir := range []string{"run", "logs"} {
		if err := os.MkdirAll(filepath.Join(s.Dir, dir), 0o700); err != nil {
			return nil, fmt.Errorf("start %s: %w", spec.Name, err)
		}
	}
	log, err := os.OpenFile(s.Log(spec.Name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	defer log.Close()
	cmd := exec.Command(spec.Argv[0], spec.Argv[1:]...)
	cmd.Dir = spec.Dir
	if cmd.Dir == "" {
		cmd.Dir = s.Dir
	}
	cmd.Env = append(os.Environ(), spec.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	exited := make(chan error, 1)
	started, _, err := stat(cmd.Process.Pid)
	if err == nil {
		err = s.save(Process{Name: spec.Name, PID: cmd.Process.Pid, Started: started, Boot: bootID(), Argv: spec.Argv})
	}
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, fmt.Errorf("record %s: %w", spec.Name, err)
	}
	go func() {
		if err := cmd.Wait(); err != nil {
			exited <- err
			return
		}
		exited <- errors.New("exit status 0")
	}()
	return exited, nil
}

func (s Set) save(p Process) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	tmp := s.record(p.Name) + ".tmp"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, s.record(p.Name))
}

// List returns the recorded daemons in the order in which they were started.
func (s Set) List() ([]Process, error) {
	paths, err := filepath.Glob(s.record("*"))
	if err != nil {
		return nil, fmt.Errorf("list daemons: %w", err)
	}
	var list []Process
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list daemons: %w", err)
		}
		var p Process
		if err := json.Unmarshal(data, &p); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		list = append(list, p)
	}
	slices.SortStableFunc(list, func(a, b Process) int {
		if len(a.Started) != len(b.Started) {
			return len(a.Started) - len(b.Started)
		}
		return strings.Compare(a.Started, b.Started)
	})
	return list, nil
}

// Alive reports whether the very process that was started still runs.
func (p Process) Alive() bool {
	started, state, err := stat(p.PID)
	return err == nil && state != 'Z' && state != 'X' && started == p.Started && p.Boot == bootID()
}

// Stop asks the daemon to end and, when it has not ended within the grace period, kills it; then it forgets it.
func (s Set) Stop(p Process, grace time.Duration) error {
	if p.Alive() {
		if err := syscall.Kill(p.PID, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop %s: %w", p.Name, err)
		}
		if !waitGone(p, grace) {
			if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("kill %s: %w", p.Name, err)
			}
			if !waitGone(p, 10*time.Second) {
				return fmt.Errorf("kill %s: process %d does not end", p.Name, p.PID)
			}
		}
	}
	if err := os.Remove(s.record(p.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget %s: %w", p.Name, err)
	}
	return nil
}

func waitGone(p Process, limit time.Duration) bool {
	for deadline := time.Now().Add(limit); p.Alive(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// Tail returns the last lines of a daemon's log; empty when there is none.
func (s Set) Tail(name string, lines int) string {
	f, err := os.Open(s.Log(name))
	if err != nil {
		return ""
	}
	defer f.Close()
	const most = 16 << 10
	if info, err := f.Stat(); err == nil && info.Size() > most {
		if _, err := f.Seek(-most, io.SeekEnd); err != nil {
			return ""
		}
	}
	data, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return ""
	}
	all := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// stat returns when a process started, in clock ticks since boot, and its state letter.
func stat(pid int) (started string, state byte, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0, err
	}
	return parseStat(data)
}

// parseStat reads the line of /proc/PID/stat (proc_pid_stat(5)): the name, in parentheses, may hold spaces and
// parentheses itself; the fields after the last closing one are plain.
func parseStat(data []byte) (started string, state byte, err error) {
	end := bytes.LastIndexByte(data, ')')
	if end < 0 {
		return "", 0, fmt.Errorf("parse process status %q", data)
	}
	fields := strings.Fields(string(data[end+1:]))
	if len(fields) < 20 {
		return "", 0, fmt.Errorf("parse process status %q", data)
	}
	return fields[19], fields[0][0], nil
}

func bootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
