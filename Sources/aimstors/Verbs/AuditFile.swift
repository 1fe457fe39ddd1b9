import Cryptography
import Foundation
import Trust

/// An exported audit log of any length: read in blocks, its lines looked at on all processors.
struct AuditFile {
  /// Bytes read at a time; a line may be longer.
  static let blockBytes = 8 << 20
  static let maximumLineBytes = 1 << 20

  private let handle: FileHandle

  init(path: String) throws {
    guard let handle = FileHandle(forReadingAtPath: path) else {
      throw CommandFailure(.refused, code: "not_found", detail: "there is no file \(path)")
    }
    self.handle = handle
  }

  func verify(
    _ start: AuditVerifier
  ) async throws -> AuditVerifier.Verdict {
    var verifier = start
    var rest: [UInt8] = []
    while true {
      guard let block = try read(), !block.isEmpty else { break }
      let bytes = rest + [UInt8](block)
      // What stands behind the last line break is the beginning of another block's line.
      guard let last = bytes.lastIndex(of: 0x0A) else {
        rest = bytes
        guard rest.count <= Self.maximumLineBytes else {
          throw AuditVerifier.Finding(fault: .malformedLine, detail: "a line without an end")
        }
        continue
      }
      rest = Array(bytes[(last + 1)...])
      for line in await Self.read(bytes[..<last]) { try verifier.take(line) }
    }
    if !rest.isEmpty { try verifier.take(rest) }
    return try verifier.verdict()
  }

  /// What cannot be read is no shorter log.
  private func read() throws -> Data? {
    do { return try handle.read(upToCount: Self.blockBytes) } catch {
      throw CommandFailure(.refused, code: "not_readable", detail: "\(error)")
    }
  }

  /// The lines of a block, in order, each part of the block by a processor of its own.
  private static func read(_ block: ArraySlice<UInt8>) async -> [AuditLine] {
    let count = max(1, ProcessInfo.processInfo.activeProcessorCount)
    var parts: [ArraySlice<UInt8>] = []
    var start = block.startIndex
    for number in 1...count where start < block.endIndex {
      let about = block.startIndex + block.count * number / count
      let end =
        number == count
        ? block.endIndex : block[max(start, about)...].firstIndex(of: 0x0A) ?? block.endIndex
      parts.append(block[start..<end])
      start = min(block.endIndex, end + 1)
    }
    return await withTaskGroup(of: (Int, [AuditLine]).self) { group in
      for (number, part) in parts.enumerated() {
        group.addTask { (number, Self.lines(of: part)) }
      }
      var lines = [[AuditLine]](repeating: [], count: parts.count)
      for await (number, part) in group { lines[number] = part }
      return lines.flatMap { $0 }
    }
  }

  private static func lines(of part: ArraySlice<UInt8>) -> [AuditLine] {
    var lines: [AuditLine] = []
    part.withUnsafeBufferPointer { part in
      var start = 0
      while start <= part.count {
        let rest = UnsafeBufferPointer(rebasing: part[start...])
        // A block is megabytes: `memchr` finds line breaks many bytes at a time.
        let end = rest.baseAddress.flatMap { base in
          memchr(base, 0x0A, rest.count).map { UnsafeRawPointer(base).distance(to: $0) }
        }
        lines.append(AuditLine(Array(rest[..<(end ?? rest.count)])))
        start += (end ?? rest.count) + 1
      }
    }
    return lines
  }
}
