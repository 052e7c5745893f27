{#- The columns together name one row. Nulls count as a value of their own. -#}
{% test unique_together(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}

{#- The column is null or within the closed range. -#}
{% test within(model, column, min, max) %}
select {{ column }}
from {{ model }}
where {{ column }} < {{ min }} or {{ column }} > {{ max }}
{% endtest %}

{#- None of the columns is null. One query for all of them: a test a column costs more than it says. -#}
{% test filled(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where {% for column in columns %}{{ column }} is null{{ ' or ' if not loop.last }}{% endfor %}
{% endtest %}
