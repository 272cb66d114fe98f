// In the place of rkt's file lock, which does not build any more.
package lock

import (
	"os"
	"syscall"
)

type LockType int

const RegFile LockType = 1

type FileLock struct{ file *os.File }

func TryExclusiveLock(path string, _ LockType) (*FileLock, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return &FileLock{file}, syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

func (lock *FileLock) Unlock() error { return syscall.Flock(int(lock.file.Fd()), syscall.LOCK_UN) }
