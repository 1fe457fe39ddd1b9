import Platform
import Wire

/// Makes segment files: zero-filled and fsynced in advance, so that a group's fsync has no metadata
/// to write, and so that what was never written reads as zero.
final class SegmentMaker: Sendable {
  /// A zero-filled file under a temporary name.
  struct Blank: Sendable {
    let file: any File
    let capacity: UInt64
  }

  private enum Ahead: Sendable {
    case none, making
    case made(Blank)
  }

  private let configuration: JournalConfiguration
  private let files: any FileSystem
  private let ahead = Monitor(Ahead.none)
  private static let chunk = [UInt8](repeating: 0, count: 1024 * 1024)
  /// Bytes of zeros that wait for the disk at a time.
  private static let fillStep: UInt64 = 2 * 1024 * 1024

  init(_ configuration: JournalConfiguration, files: any FileSystem) {
    self.configuration = configuration
    self.files = files
  }

  private var blankPath: String { path("blank" + JournalNames.temporarySuffix) }

  func path(_ name: String) -> String { configuration.directory + "/" + name }

  /// Begins to make the next segment on a thread of its own; errors wait for ``make(minimum:_:)``.
  func prepareAhead() {
    guard configuration.preparesAhead else { return }
    let starts = ahead.withLock { state in
      guard case .none = state else { return false }
      state = .making
      return true
    }
    guard starts else { return }
    _ = OwnThread(name: "journal-blank") { [self] in
      let blank = try? makeBlank(capacity: UInt64(configuration.segmentBytes))
      ahead.withLock { $0 = blank.map { .made($0) } ?? .none }
      ahead.broadcast()
    }
  }

  /// Waits for a file being made ahead, and closes it.
  func close() {
    takeAhead()?.file.close()
  }

  /// Makes the segment durable under its name, with room for `minimum` bytes of groups.
  ///
  /// On a full disk a caller that may use the reserve frees it and gets a smaller segment.
  func make(
    _ draft: SegmentHeader, minimum: UInt64, mayUseReserve: Bool
  ) throws(FileError) -> (file: any File, header: SegmentHeader) {
    let least = minimum + UInt64(SegmentHeader.length)
    let blank: Blank
    if let made = takeAhead(), made.capacity >= least {
      blank = made
    } else {
      blank = try makeBlank(least: least, mayUseReserve: mayUseReserve)
    }
    var header = draft
    header.capacity = blank.capacity
    try blank.file.write(header.encoded(), at: 0)
    try blank.file.synchronize()
    try files.rename(
      blankPath, to: path(JournalNames.segment(firstGroup: header.firstGroup)))
    try files.synchronizeDirectory(configuration.directory)
    return (blank.file, header)
  }

  /// Copies an open segment into a longer file, durably under its name.
  func grow(
    _ segment: any File, through end: UInt64, minimum: UInt64
  ) throws -> (file: any File, capacity: UInt64) {
    takeAhead()?.file.close()
    var header = try SegmentHeader(
      decoding: try segment.bytes(at: 0, count: SegmentHeader.length))
    let blank = try makeBlank(
      capacity: max(minimum, header.capacity + UInt64(configuration.segmentBytes)))
    header.capacity = blank.capacity
    do {
      try blank.file.write(header.encoded(), at: 0)
      try SegmentCopy.bytes(from: segment, to: blank.file, UInt64(SegmentHeader.length)..<end)
      try blank.file.synchronize()
      try install(JournalNames.segment(firstGroup: header.firstGroup))
    } catch {
      blank.file.close()
      throw error
    }
    return (blank.file, blank.capacity)
  }

  /// Makes a zero-filled, fsynced file of at least `least` bytes under the temporary name.
  func makeBlank(least: UInt64, mayUseReserve: Bool) throws(FileError) -> Blank {
    do {
      return try makeBlank(capacity: max(UInt64(configuration.segmentBytes), least))
    } catch {
      guard error.isDiskFull, mayUseReserve, try freeReserve() else { throw error }
      return try makeBlank(capacity: max(UInt64(configuration.reserveSegmentBytes), least))
    }
  }

  /// Gives a file made by ``makeBlank(least:mayUseReserve:)`` the name of a segment, durably.
  func install(_ name: String) throws(FileError) {
    try files.rename(blankPath, to: path(name))
    try files.synchronizeDirectory(configuration.directory)
  }

  /// Removes the reserve file; false where there is none.
  private func freeReserve() throws(FileError) -> Bool {
    guard try files.exists(path(JournalNames.reserve)) else { return false }
    try files.remove(path(JournalNames.reserve))
    try files.synchronizeDirectory(configuration.directory)
    return true
  }

  /// Makes the reserve file where it is missing and the disk has room for it twice.
  func keepReserve() throws(FileError) {
    let size = UInt64(configuration.reserveBytes)
    guard size > 0, try !files.exists(path(JournalNames.reserve)),
      try files.freeBytes(configuration.directory) >= 2 * size
    else { return }
    let temporary = path(JournalNames.reserve + JournalNames.temporarySuffix)
    let file = try files.open(temporary, .create)
    defer { file.close() }
    try fill(file, size)
    try files.rename(temporary, to: path(JournalNames.reserve))
    try files.synchronizeDirectory(configuration.directory)
  }

  private func takeAhead() -> Blank? {
    ahead.wait { state -> Blank?? in
      switch state {
      case .making: return nil
      case .none: return .some(nil)
      case .made(let blank):
        state = .none
        return .some(blank)
      }
    }
  }

  private func makeBlank(capacity: UInt64) throws(FileError) -> Blank {
    let file = try files.open(blankPath, .create)
    do {
      try fill(file, capacity)
      return Blank(file: file, capacity: capacity)
    } catch {
      file.close()
      try? files.remove(blankPath)
      throw error
    }
  }

  /// Writes zeros, and has them written out as it goes: all at once, the fsync of a group would
  /// stand behind them at the disk for a tenth of a second.
  private func fill(_ file: any File, _ size: UInt64) throws(FileError) {
    var offset: UInt64 = 0
    while offset < size {
      if offset > 0, offset.isMultiple(of: Self.fillStep) { try file.synchronize() }
      let count = min(UInt64(Self.chunk.count), size - offset)
      try file.write(
        count == Self.chunk.count ? Self.chunk : Array(Self.chunk[..<Int(count)]), at: offset)
      offset += count
    }
    try file.synchronize()
  }
}
