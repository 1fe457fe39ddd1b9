import Platform
import Simulation
import Testing

/// The simulated disk fails an fsync as Linux does.
@Suite("Pages that a failed fsync drops") struct DroppedPagesTests {
  private func bytes(_ byte: UInt8, _ count: Int = SimulatedDisk.sectorBytes) -> [UInt8] {
    [UInt8](repeating: byte, count: count)
  }

  @Test(arguments: [SimulatedDisk.Fate.lost, .kept, .mixed(seed: 3)])
  func `a second fsync succeeds and saves nothing`(_ fate: SimulatedDisk.Fate) throws {
    let disk = SimulatedDisk()
    let file = try disk.fileSystem().open("/f", .createNew)
    try file.write(bytes(1, 3 * SimulatedDisk.sectorBytes), at: 0)
    try file.synchronize()
    try disk.fileSystem().synchronizeDirectory("/")
    try file.write(bytes(2), at: 0)
    disk.inject(SimulatedDisk.Fault(.sync, call: 1, .error(SystemErrors.io)))
    #expect(throws: FileError.self) { try file.synchronize() }
    // Written since: the next fsync brings it to the disk, and nothing else.
    try file.write(bytes(3), at: UInt64(SimulatedDisk.sectorBytes))
    try file.synchronize()
    // Whoever reads sees the page that was dropped, as if all were well.
    #expect(disk.bytes("/f") == bytes(2) + bytes(3) + bytes(1))
    disk.losePower(fate)
    #expect(disk.bytes("/f") == bytes(1) + bytes(3) + bytes(1))
  }

  @Test func `an fsync brings writes, holes and lengths to the disk as they stand`() throws {
    let disk = SimulatedDisk()
    let file = try disk.fileSystem().open("/f", .createNew)
    try disk.fileSystem().synchronizeDirectory("/")
    for step in 0..<200 {
      let place = UInt64(step * 7_919 % 5_000)
      switch step % 4 {
      case 0, 1: try file.write(bytes(UInt8(1 + step), 1 + step * 13 % 900), at: place)
      case 2: try file.truncate(to: place)
      default: try file.punch(place..<(place + 700))
      }
      guard step % 3 == 0 else { continue }
      try file.synchronize()
      let seen = try #require(disk.bytes("/f"))
      let copy = disk.copy()
      copy.losePower(.lost)
      #expect(copy.bytes("/f") == seen)
    }
  }

  @Test func `a machine that ends in the middle of an fsync drops nothing by it`() throws {
    let disk = SimulatedDisk()
    let file = try disk.fileSystem().open("/f", .createNew)
    try disk.fileSystem().synchronizeDirectory("/")
    try file.write(bytes(4), at: 0)
    disk.losePower(afterCalls: 0)
    #expect(throws: FileError.self) { try file.synchronize() }
    disk.losePower(.kept)
    #expect(disk.bytes("/f") == bytes(4))
  }
}
