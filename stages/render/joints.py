"""Characters beside which no space is needed where something that is not printed separates two words."""

STICKS_TO_WORD = ".,;:!?)]}%'’”\"»…/|"
WORD_STICKS_TO = "([{/|-–\"'“‘«"
