import Cryptography
import Testing

@testable import Trust

@Suite("Merkle tree") struct MerkleTreeTests {
  /// The inputs and roots that the reference log of RFC 6962 is tested with.
  private static let inputs: [[UInt8]] = [
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
  ].compactMap { [UInt8](hexText: $0) }
  private static let roots = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
  ]

  private static func leaves(_ count: Int64) -> [[UInt8]] {
    (0..<count).map { MerkleTree.leaf(Array("entry \($0)".utf8)) }
  }

  private static func subtree(_ leaves: [[UInt8]]) -> MerkleTree.Subtree {
    func hash(_ start: Int64, _ count: Int64) -> [UInt8] {
      count == 1
        ? leaves[Int(start)]
        : MerkleTree.node(
          hash(start, count / 2), hash(start + count / 2, count / 2))
    }
    return hash
  }

  @Test func `a complete part's root is the tree's, and nothing without all of its hashes`() throws
  {
    for count in [1, 2, 8, 256] as [Int64] {
      let leaves = Self.leaves(count)
      let flat = leaves.flatMap { $0 }
      #expect(try MerkleTree.root(over: flat, count: count) == Self.subtree(leaves)(0, count))
      #expect(MerkleTree.root(over: Array(flat.dropLast(32)), count: count) == nil)
      #expect(MerkleTree.root(over: [], count: count) == nil)
    }
  }

  @Test func `roots are those of the reference log`() throws {
    #expect(
      MerkleTree.emptyRoot.hexText
        == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    let leaves = Self.inputs.map { MerkleTree.leaf($0) }
    var tree = GrowingTree()
    for (index, leaf) in leaves.enumerated() {
      tree.append(leaf: leaf)
      #expect(tree.root.hexText == Self.roots[index])
      let root = try MerkleTree.root(from: 0, count: Int64(index + 1), Self.subtree(leaves))
      #expect(root.hexText == Self.roots[index])
    }
  }

  @Test func `every leaf of every small tree is proved, at its place and nowhere else`() throws {
    let leaves = Self.leaves(33)
    for size in Int64(1)...33 {
      let root = try MerkleTree.root(from: 0, count: size, Self.subtree(leaves))
      for index in 0..<size {
        let path = try MerkleTree.inclusion(of: index, size: size, Self.subtree(leaves))
        let leaf = leaves[Int(index)]
        #expect(MerkleTree.isIncluded(leaf, index: index, size: size, path: path, root: root))
        #expect(
          !MerkleTree.isIncluded(
            leaves[Int((index + 1) % 33)], index: index, size: size, path: path, root: root))
        #expect(
          !MerkleTree.isIncluded(leaf, index: index, size: size, path: path, root: leaf + [0]))
        if size > 1 {
          #expect(
            !MerkleTree.isIncluded(
              leaf, index: index, size: size, path: Array(path.dropLast()), root: root))
          #expect(
            !MerkleTree.isIncluded(
              leaf, index: (index + 1) % size, size: size, path: path, root: root))
        }
      }
    }
  }

  @Test func `every beginning of every small tree is proved, and no other history`() throws {
    let leaves = Self.leaves(33)
    var forged = leaves
    forged[3] = MerkleTree.leaf([9])
    for size in Int64(1)...33 {
      let root = try MerkleTree.root(from: 0, count: size, Self.subtree(leaves))
      for old in 1...size {
        let oldRoot = try MerkleTree.root(from: 0, count: old, Self.subtree(leaves))
        let path = try MerkleTree.consistency(from: old, size: size, Self.subtree(leaves))
        #expect(
          MerkleTree.isConsistent(
            old: old, oldRoot: oldRoot, new: size, newRoot: root, path: path))
        guard size > 4 else { continue }
        let other = try MerkleTree.root(from: 0, count: size, Self.subtree(forged))
        let lie = try MerkleTree.consistency(from: old, size: size, Self.subtree(forged))
        let isBelieved = MerkleTree.isConsistent(
          old: old, oldRoot: oldRoot, new: size, newRoot: other, path: lie)
        #expect(isBelieved == (old <= 3 ? true : false))
      }
    }
  }
}
