"""Deduplication: which documents say the same, and which one of them is kept.

``exact_dedup`` finds equal texts, ``fuzzy_dedup`` texts that are nearly equal, ``passage_dedup`` passages
that occur in several texts, ``line_dedup`` lines that a site repeats. All of them exchange small keys; no
text travels. Exact deduplication compares a hash of the text. This primer is about **fuzzy** deduplication,
the one that needs an idea.

Nearly equal are, for example, two pages with the same article but a different date, menu or comment.
Comparing all pairs of 10 billion pages is out of the question; so is sorting, because the difference may be
in the first line. Three ideas, one after the other, reduce the work to one pass over the texts, followed by
work on duplicates only.

**Shingles** (``shingles``). A text becomes the set of all its pieces of 24 characters, one starting at each
character. Editing a letter replaces 24 of them and leaves the rest; text that moves takes its pieces along.
How alike two texts are is measured by the *Jaccard similarity* of their sets: the number of pieces in both,
divided by the number of pieces in either. Unrelated pages have next to no pieces of 24 characters in common.
(For code, shingles of five words work better.)

**MinHash** (``minhash``). Put all possible pieces in a random order, and take the first piece of each text in
that order. Two texts have the same first piece with a probability that is exactly their similarity s, because
the first piece of their union is in both sets with that probability. A random order is a hash function, and
the first piece is the one with the smallest hash. With 260 orders a text of any length becomes a *signature*
of 260 numbers, and s is estimated by the share of them that agree, with a standard error of about 0.03.

**Bands and rows.** Signatures would still have to be compared in pairs. So cut them into 20 *bands* of 13
*rows*, and hash each band: two texts that share one of the 20 keys are candidates, and equal keys are found
by sorting. A band agrees with probability s^13, so none of 20 agrees with probability (1 - s^13)^20, and a
pair is found with probability

    1 - (1 - s^13)^20

    similarity   0.4    0.5    0.6    0.65   0.7    0.75   0.77   0.8    0.85   0.9    0.95
    found, %     0.01   0.2    2.6    7.1    18     38     50     68     92     99.7   100

This is the *S-curve*: next to nothing is found below 0.6, nearly everything above 0.85, and one half at 0.77.
More rows in a band move it to the right, more bands to the left and up; both make it steeper. 20 x 13 is the
recipe of Nemotron-CC; ``minhash.optimal_bands`` finds others. Between 0.6 and 0.85 it is a matter of chance
whether a pair is found: ``verify`` compares candidates once more and drops false positives; it cannot bring
back pairs that were missed.

**Edges** (``candidates``). The documents that share a key are a bucket. One of them is linked to all others:
k - 1 edges, not k * k / 2, since only connectedness matters. A million copies of a page are a million edges.

**Components** (``components``). Whatever is linked by a chain of edges is one cluster, even if the two ends
of the chain are less alike than any two neighbours. Edges that fit in one process are joined there; if there
are more, they go through the exchange in several rounds, each of which makes chains shorter, until every
cluster is a star.

**Survivors** (``survivors``). One document of each cluster is kept, chosen by an order that the config names,
then by id: the choice does not depend on the order of inputs or on where they were processed. The others are
dropped, with the id of the kept one as the detail, or kept with that id as a column.

**Cost.** A page of 4,000 characters has about 4,000 shingles, each hashed once and put through 260 orders: a
million multiplications, additions and comparisons, done sixteen at a time in less than a tenth of a
millisecond. The signature (1,040 bytes) is discarded once its keys are made; 20 keys of 8 bytes, each with
the document's number in 4 bytes, are passed on, 240 bytes in all. For 10 billion documents that is 2.4 TB,
sorted once, in as many independent parts as are wanted. After that, only documents that share a key with
another one take part: 16 bytes per edge and round, then some 50 bytes for each document in a cluster.

This package itself holds no code; each module says what it knows.
"""
