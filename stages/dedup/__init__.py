"""Deduplication: which documents say the same, and which of them stays.

``exact_dedup`` finds equal texts, ``fuzzy_dedup`` texts that are nearly equal, ``passage_dedup`` passages
that are in several texts, ``line_dedup`` lines that a site repeats. All meet at an exchange of small keys;
no text travels. Exact is a hash of the text. This primer is for **fuzzy**, the one that needs an idea.

Nearly equal: two pages with the same article and another date, menu or comment. Comparing all pairs of 10
billion pages is out of the question; so is sorting, for the difference may be in the first line. Three
ideas in a row make it one pass over the texts, and then work on duplicates only.

**Shingles** (``shingles``). A text becomes the set of all its pieces of 24 characters, one starting at each
character. Editing a letter replaces 24 of them and leaves the rest; text that moves takes its pieces along.
How alike two texts are is the *Jaccard similarity* of their sets: pieces in both, by pieces in either.
Pages without anything to do with each other have next to none of 24 characters in common. (Code is better
served by words, five at a time.)

**MinHash** (``minhash``). Put all pieces that there are in a random order, and take of each text the first:
two texts have the same first piece with a probability that is exactly their similarity s, for the first of
both sets together is in both with that probability. A random order is a hash function, the first piece the
one with the smallest hash. With 260 orders a text of any length becomes a *signature* of 260 numbers, and s
is the share of them that agree, give or take 0.03.

**Bands and rows.** Signatures would still have to be compared in pairs. So cut them into 20 *bands* of 13
*rows*, and hash each band: two texts that share one of the 20 keys are candidates, and equal keys are found
by sorting. A band agrees with probability s^13, so none of 20 does with (1 - s^13)^20, and a pair is found
with

    1 - (1 - s^13)^20

    similarity   0.4    0.5    0.6    0.65   0.7    0.75   0.77   0.8    0.85   0.9    0.95
    found, %     0.01   0.2    2.6    7.1    18     38     50     68     92     99.7   100

the *S-curve*: next to nothing below 0.6, nearly all above 0.85, one half at 0.77. More rows in a band move
it to the right, more bands to the left and up; both make it steeper. 20 x 13 is the recipe of Nemotron-CC;
``minhash.optimal_bands`` finds others. Between 0.6 and 0.85 it is a lottery: ``verify`` compares candidates
once more and drops those that were found by luck; it brings back none of those missed.

**Edges** (``candidates``). Documents with one key are a bucket. One of them is linked to all others: k - 1
edges, not k * k / 2, since only what is connected matters. A million copies of a page are a million edges.

**Components** (``components``). Whatever is linked by a chain of edges is one cluster, though its ends may
be less alike than any two neighbours. Edges that fit in one process are joined there; more go through the
exchange in turns, each of which makes chains shorter, until every cluster is a star.

**Survivors** (``survivors``). Of each cluster one document stays, by an order that the config names, then
by id: the same one whatever came in first and wherever it was worked on. The others go, with its id as the
reason, or stay with the id as a column.

What it costs. A page of 4,000 characters has about 4,000 shingles, each hashed once and put through 260
orders: a million times one multiplication, addition and comparison, sixteen at a time, less than a tenth of
a millisecond. The signature, 1,040 bytes, is made and forgotten; 20 keys of 8 bytes with the document's
number in 4 go on, 240 bytes. Of 10 billion documents these are 2.4 TB, sorted once in as many independent
parts as are wanted. After that only documents that share a key with another are heard of again: 16 bytes an
edge and turn, then some 50 bytes for a document in a cluster.

Knows nothing itself; the modules say what they know.
"""
