import Wire

/// Whether an invalid last group can have been torn by a crash.
///
/// Segments are zero before they are written and a disk writes 512 bytes whole or not at all, so a
/// group that a crash tore has a sector that is still zero. One without any was written whole and
/// changed since: that is damage, for it may have been acknowledged.
struct TornGroup {
  static let sectorBytes: UInt64 = 512

  var isTorn: Bool
  /// The first byte behind it.
  var end: UInt64
  /// The last position that its header names.
  var lastSeq: CellSeq?
  /// The tenants it names, where all its record headers can be read.
  var tenants: [TenantID: TenantSeq]?

  static func examine(
    _ reader: inout SegmentReader, at offset: UInt64, lastNonzero: UInt64
  ) throws(JournalError) -> TornGroup {
    let head = try reader.bytes(at: offset, GroupFormat.headerLength)
    let header = GroupFormat.decodeHeader(head)
    let written = max(lastNonzero + 1, offset + UInt64(GroupFormat.headerLength))
    let end = min(header.map { offset + UInt64($0.totalBytes) } ?? written, reader.limit)
    // One group is in flight at a time: behind a torn one nothing was ever written.
    let isFollowed = header != nil && lastNonzero >= end
    var isTorn = false
    var sector = offset
    while sector < end, !isTorn, !isFollowed {
      let next = min((sector / sectorBytes + 1) * sectorBytes, reader.limit)
      isTorn = try reader.bytes(at: sector, Int(next - sector)).allSatisfy { $0 == 0 }
      sector = next
    }
    let named = header.flatMap { try? tenants($0, &reader, offset) }
    return TornGroup(
      isTorn: isTorn, end: max(end, lastNonzero + 1), lastSeq: header?.lastSeq, tenants: named)
  }

  private static func tenants(
    _ header: GroupHeader, _ reader: inout SegmentReader, _ offset: UInt64
  ) throws(JournalError) -> [TenantID: TenantSeq] {
    let whole = try reader.bytes(at: offset, header.totalBytes)
    var bytes = ByteReader(whole)
    _ = try bytes.slice(GroupFormat.headerLength + header.listBytes)
    var tenants: [TenantID: TenantSeq] = [:]
    for _ in 0..<header.recordCount {
      let record = try RecordFormat.decodeHeader(&bytes).header
      _ = try bytes.slice(Int(record.payloadLength))
      tenants[record.identity.tenant] = record.identity.tenantSeq
    }
    return tenants
  }
}
