import CFiles
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// One descriptor of the machine.
final class LiveFile: File {
  let path: String
  /// -1 once closed.
  ///
  /// Read without a lock on the hot path: the owner closes after its last call.
  private let descriptor: Atomic<Int32>

  init(path: String, descriptor: Int32) {
    self.path = path
    self.descriptor = Atomic(descriptor)
  }

  deinit { close() }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FileError) -> Int
  {
    guard let base = buffer.baseAddress else { return 0 }
    let descriptor = try open(.read)
    var done = 0
    while done < buffer.count {
      let count = pread(descriptor, base + done, buffer.count - done, off_t(offset) + off_t(done))
      if count == 0 { break }
      if count < 0 {
        if errno == EINTR { continue }
        throw FileError(.read, path, errno: errno)
      }
      done += count
    }
    return done
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FileError) {
    guard let base = bytes.baseAddress else { return }
    let descriptor = try open(.write)
    var done = 0
    while done < bytes.count {
      let count = pwrite(descriptor, base + done, bytes.count - done, off_t(offset) + off_t(done))
      if count < 0 {
        if errno == EINTR { continue }
        throw FileError(.write, path, errno: errno)
      }
      guard count > 0 else { throw FileError(.write, path, errno: ENOSPC) }
      done += count
    }
  }

  func synchronize() throws(FileError) {
    let descriptor = try open(.sync)
    #if canImport(Glibc)
      let status = fdatasync(descriptor)
    #else
      let status = fcntl(descriptor, F_FULLFSYNC)
    #endif
    // EINTR is not retried: what a second fsync would tell is unknown.
    guard status == 0 else { throw FileError(.sync, path, errno: errno) }
  }

  func truncate(to length: UInt64) throws(FileError) {
    let descriptor = try open(.truncate)
    guard ftruncate(descriptor, off_t(length)) == 0 else {
      throw FileError(.truncate, path, errno: errno)
    }
  }

  func punch(_ range: Range<UInt64>) throws(FileError) {
    let descriptor = try open(.punch)
    let status = aim_punch(descriptor, off_t(range.lowerBound), off_t(range.count))
    guard status == 0 else { throw FileError(.punch, path, errno: errno) }
  }

  func length() throws(FileError) -> UInt64 {
    var status = stat()
    guard fstat(try open(.size), &status) == 0 else { throw FileError(.size, path, errno: errno) }
    return UInt64(status.st_size)
  }

  func close() {
    let old = descriptor.exchange(-1, ordering: .acquiringAndReleasing)
    guard old >= 0 else { return }
    #if canImport(Glibc)
      _ = Glibc.close(old)
    #else
      _ = Darwin.close(old)
    #endif
  }

  private func open(_ operation: FileError.Operation) throws(FileError) -> Int32 {
    let value = descriptor.load(ordering: .acquiring)
    guard value >= 0 else { throw FileError(operation, path, errno: EBADF) }
    return value
  }
}

/// An flock on a descriptor; the kernel drops it when the process ends.
final class LiveFileLock: FileLock {
  private let descriptor: Atomic<Int32>

  init(descriptor: Int32) { self.descriptor = Atomic(descriptor) }

  deinit { release() }

  func release() {
    let old = descriptor.exchange(-1, ordering: .acquiringAndReleasing)
    guard old >= 0 else { return }
    // Closing alone would not: a child that another thread just starts has the descriptor, too,
    // until its exec.
    _ = flock(old, LOCK_UN)
    #if canImport(Glibc)
      _ = Glibc.close(old)
    #else
      _ = Darwin.close(old)
    #endif
  }
}
