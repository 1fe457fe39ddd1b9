import Platform
import Synchronization

/// One open file of a ``SimulatedDisk``.
final class SimulatedFile: File {
  let path: String
  private let disk: SimulatedDisk
  private let incarnation: Int
  private let id: Int
  private let isClosed = Atomic(false)

  init(disk: SimulatedDisk, incarnation: Int, path: String, id: Int) {
    self.disk = disk
    self.incarnation = incarnation
    self.path = path
    self.id = id
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FileError) -> Int
  {
    let bytes = try call(.read) { content, _ throws(FileError) -> [UInt8] in
      guard offset < UInt64(content.cache.count) else { return [] }
      let start = Int(offset)
      return Array(content.cache[start..<min(content.cache.count, start + buffer.count)])
    }
    bytes.withUnsafeBytes { buffer.copyMemory(from: $0) }
    return bytes.count
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FileError) {
    let copy = Array(bytes)
    try disk.call(.write, path, incarnation) { state, effect throws(FileError) in
      guard !self.isClosed.load(ordering: .acquiring), var content = state.contents[self.id] else {
        throw FileError(.write, self.path, errno: SystemErrors.badDescriptor)
      }
      state.contents[self.id] = nil
      defer { state.contents[self.id] = content }
      var count = copy.count
      var isShort = false
      if case .shortWrite(let most) = effect {
        // However little was asked for: one that was written whole would be no failure.
        (count, isShort) = (min(most, count / 2), true)
      }
      let growth = max(0, Int(offset) + count - content.cache.count)
      if state.freeBytes != .max {
        let room = Int(min(state.freeBytes, UInt64(Int.max)))
        if growth > room {
          count -= growth - room
          state.roomRefusals += 1
        }
        state.freeBytes -= UInt64(min(growth, room))
      }
      copy.withUnsafeBytes { buffer in
        let part = UnsafeRawBufferPointer(rebasing: buffer[..<max(0, count)])
        content.write(part, at: Int(offset))
      }
      guard count == copy.count, !isShort else {
        throw FileError(.write, self.path, errno: SystemErrors.noSpace)
      }
    }
  }

  func synchronize() throws(FileError) {
    try call(.sync) { content, effect throws(FileError) -> Void in
      guard case .error(let number) = effect else { return content.synchronize() }
      content.failSynchronizing()
      throw FileError(.sync, self.path, errno: number)
    }
  }

  func truncate(to length: UInt64) throws(FileError) {
    try call(.truncate) { content, _ throws(FileError) in content.truncate(to: Int(length)) }
  }

  func punch(_ range: Range<UInt64>) throws(FileError) {
    try call(.punch) { content, _ throws(FileError) in
      let end = min(range.upperBound, UInt64(content.cache.count))
      guard range.lowerBound < end else { return }
      let zeros = [UInt8](repeating: 0, count: Int(end - range.lowerBound))
      zeros.withUnsafeBytes { content.write($0, at: Int(range.lowerBound)) }
    }
  }

  func length() throws(FileError) -> UInt64 {
    try call(.size) { content, _ throws(FileError) in UInt64(content.cache.count) }
  }

  func close() { isClosed.store(true, ordering: .releasing) }

  private func call<T: Sendable>(
    _ operation: FileError.Operation,
    _ body: (inout SimulatedDisk.Content, SimulatedDisk.Fault.Effect?) throws(FileError) -> T
  ) throws(FileError) -> T {
    try disk.call(operation, path, incarnation) { state, effect throws(FileError) in
      guard !self.isClosed.load(ordering: .acquiring), var content = state.contents[self.id] else {
        throw FileError(operation, self.path, errno: SystemErrors.badDescriptor)
      }
      // Taken out while it changes, so that its arrays are not copied.
      state.contents[self.id] = nil
      defer { state.contents[self.id] = content }
      return try body(&content, effect)
    }
  }
}
